// SPDX-License-Identifier: GPL-2.0-or-later
/* mm/zsmalloc.c from zs_create_pool() to zs_destroy_pool(): __zs_compact(), migrate_zspage(), zs_page_migrate(). */
#include "../common.h"

#define ROUNDS 1
#define PAGES 256
#define DEVICE "/sys/block/zram0/"

static char *buffer;

/* Compresses to something between a tenth and all of a page. */
static void make_page(char *page, size_t number)
{
	uint64_t word = number + 1;
	size_t noise = number * 97 % page_size / 8;

	for (size_t i = 0; i < page_size / 8; i++) {
		if (i < noise)
			word = word * 6364136223846793005u + 1442695040888963407u;
		((volatile uint64_t *)page)[i] = word;
	}
}

static void write_pages(int fd)
{
	for (size_t i = 0; i < PAGES; i++) {
		make_page(buffer + i * page_size, i);
		must(pwrite(fd, buffer + i * page_size, page_size, i * page_size) == (ssize_t)page_size);
	}
	must(!fsync(fd));
}

/* Same words are kept without memory: of four pages one is left. */
static void free_most(int fd)
{
	char *zeros = anonymous(1);	/* read by a device: at the start of a page */

	for (size_t i = 0; i < PAGES; i++)
		if (i % 4)
			must(pwrite(fd, zeros, page_size, i * page_size) == (ssize_t)page_size);
	must(!fsync(fd) && !munmap(zeros, page_size));
}

static void check_pages(int fd)
{
	char *page = buffer + PAGES * page_size;
	off_t at = 0;

	for (size_t i = 0; i < PAGES; i += 4, at = i * page_size)
		must(pread(fd, page, page_size, at) == (ssize_t)page_size && !memcmp(page, buffer + at, page_size));
}

int main(int argc, char **argv)
{
	begin_program(argc, argv);
	buffer = anonymous(PAGES + 1);
	if (!is_there(DEVICE "disksize"))
		km_absent("no zram in this kernel");
	if (km_read(DEVICE "disksize"))
		must(km_put(DEVICE "reset", "1"));
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			int fd;

			must(km_put(DEVICE "disksize", "16777216"));
			fd = open("/dev/zram0", O_RDWR | O_DIRECT);
			must(fd >= 0);
			write_pages(fd);
			free_most(fd);
			read_all(DEVICE "mm_stat", 4096);
			must(km_put(DEVICE "compact", "1"));
			read_all(DEVICE "mm_stat", 4096);
			if (is_there("/proc/sys/vm/compact_memory"))
				must(km_put("/proc/sys/vm/compact_memory", "1"));
			check_pages(fd);
			must(!close(fd));
			must(km_put(DEVICE "reset", "1"));
		}
		km_end(ROUNDS);
	}
	return km_finish();
}
