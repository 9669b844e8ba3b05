// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * zs_create_pool(), zs_compact() and zs_page_migrate(): zram is set up, filled, half emptied, compacted by itself and
 * with all of memory, read and reset.
 */
#include "../zram.h"

#define PAGES 1024
#define ZRAM_SIZE ((size_t)8 << 20)

static size_t page_size;

/* So much of a page is not compressible, that objects of all sizes come. */
static size_t random_words(size_t page)
{
	return (page * 37 % 128) * page_size / 8 / 128 + 1;
}

static uint64_t word(size_t page, size_t n)
{
	uint64_t x = (page + 1) * 0x9e3779b97f4a7c15ull + n * 0xd1342543de82ef95ull;

	return n < random_words(page) ? x ^ x >> 29 : page;
}

static void make_pages(unsigned char *p)
{
	for (size_t i = 0; i < PAGES; i++)
		for (size_t n = 0; n < page_size / 8; n++)
			((uint64_t *)p)[i * page_size / 8 + n] = word(i, n);
}

static bool kept(size_t page)
{
	return page % 4 == 0;
}

static int one_round(unsigned char *pages, unsigned char *zeros, unsigned char *page)
{
	int failed = !km_put_number(ZRAM "disksize", ZRAM_SIZE), fd = open(ZRAM_DISK, O_RDWR | O_DIRECT);

	failed += fd < 0;
	for (size_t i = 0; i < PAGES; i += 16)
		failed += pwrite(fd, pages + i * page_size, 16 * page_size, i * page_size) != (ssize_t)(16 * page_size);
	for (size_t i = 0; i < PAGES; i++)
		if (!kept(i))
			failed += pwrite(fd, zeros, page_size, i * page_size) != (ssize_t)page_size;
	failed += !km_put("/proc/sys/vm/compact_memory", "1");
	failed += !km_put(ZRAM "compact", "1");
	failed += read_file(ZRAM "mm_stat") <= 0;
	for (size_t i = 0; i < PAGES; i++)
		if (kept(i))
			failed += pread(fd, page, page_size, i * page_size) != (ssize_t)page_size ||
				  memcmp(page, pages + i * page_size, page_size);
	close(fd);
	failed += !km_put(ZRAM "reset", "1");
	return failed;
}

int main(int argc, char **argv)
{
	unsigned char *pages, *zeros, *page;

	page_size = km_page_size();
	km_start(argc, argv);
	need_zram();
	if (access("/proc/sys/vm/compact_memory", W_OK))
		km_absent("no compaction in this kernel");
	pages = km_anonymous(PAGES * page_size);
	zeros = km_anonymous(page_size);
	page = km_anonymous(page_size);
	*zeros = 0;
	*page = 0;
	make_pages(pages);
	errno = 0;
	while (km_pass()) {
		km_begin();
		end_steps(1, one_round(pages, zeros, page));
	}
	return km_finish();
}
