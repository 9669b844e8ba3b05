// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clean pages of a file on ext4 are written through a shared mapping: do_page_mkwrite(), fault_dirty_shared_page(). One
 * half of them was read before (wp_page_shared()), the other is not mapped (do_shared_fault()).
 */
#include "../common.h"

#define PAGES 1536	/* half of them is a multiple of what a read fault maps at once */
#define FOLDER "/tmp/faults-ext4"

static size_t page_size, size;

/* Differs from one pass to the next. */
static unsigned char content(size_t page, int pass)
{
	return (page + pass) % 251 + 1;
}

static int create(void)
{
	int fd = open(FOLDER "/file", O_RDWR | O_CREAT | O_EXCL, 0600);
	char *page = calloc(1, page_size);

	if (fd < 0 || !page)
		km_fail(FOLDER "/file");
	for (size_t i = 0; i < PAGES; i++) {
		page[0] = content(i, 0);
		if (write(fd, page, page_size) != (ssize_t)page_size)
			km_fail("write to " FOLDER "/file");
	}
	free(page);
	return fd;
}

/* The file goes to the disk and comes from there again: what a fault did not make dirty is lost. */
static void reread(int fd, int pass)
{
	unsigned char *page = malloc(page_size);

	if (!page || fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		km_fail("fsync");
	for (size_t i = 0; i < PAGES; i++) {
		if (pread(fd, page, page_size, i * page_size) != (ssize_t)page_size)
			km_fail("read from " FOLDER "/file");
		if (page[0] != content(i, pass) || page[1])
			km_fail("page %zu on the disk is not what was written", i);
	}
	free(page);
}

int main(int argc, char **argv)
{
	int fd, pass = 0;

	page_size = km_page_size();
	size = PAGES * page_size;
	km_start(argc, argv);
	km_mount_ram(FOLDER);
	fd = create();
	reread(fd, pass);
	while (km_pass()) {
		unsigned char *p = map_apart(size, KM_TABLE, MAP_SHARED, fd);

		for (size_t i = 0; i < PAGES / 2; i++)
			if (((volatile unsigned char *)p)[i * page_size] != content(i, pass))
				km_fail("page %zu is not what was written", i);
		pass++;
		km_check_smaps(p, size, "Shared_Dirty", 0);
		km_check_smaps(p, size, "Private_Dirty", 0);
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = content(i, pass);
		km_end(PAGES);
		km_check_smaps(p, size, "Private_Dirty", size);
		unmap_apart(p, size);
		reread(fd, pass);
	}
	close(fd);
	return km_finish();
}
