// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * zswap with each kind of pool and two compressors: zswap_pool_create(), the pool's allocator, its pages moved by
 * compaction, written back when the pool is too large (zswap_writeback_entry()), zswap_pool_destroy().
 */
#include "../files.h"

#define PARAMETERS "/sys/module/zswap/parameters/"
#define PAGES 128
#define SAME 24	/* the first ones are all one word */

static const char *const pools[][2] = {
	{ "zbud", "lzo-rle" }, { "z3fold", "lzo" }, { "zsmalloc", "lzo-rle" },
};

static size_t page_size;
static bool only_zsmalloc;	/* zpools are gone since Linux 6.18 */

static void put_back_zswap(void)
{
	km_put(PARAMETERS "max_pool_percent", "20");
	km_put(PARAMETERS "enabled", "N");
	km_put(PARAMETERS "zpool", "zbud");
	km_put(PARAMETERS "compressor", "lzo");
}

static void write_pages(unsigned char *p)
{
	size_t words = page_size / 8;

	for (size_t i = 0; i < PAGES; i++)
		for (size_t n = 0; n < words; n++)
			((uint64_t *)p)[i * words + n] = i < SAME ? i : n % (1 + i % 4) ? i : word_of(i, n * 4);
}

static int wrong_pages(const unsigned char *p)
{
	size_t words = page_size / 8;
	int wrong = 0;

	for (size_t i = 0; i < PAGES; i++)
		for (size_t n = 1; n < words; n += 61)
			wrong += ((const uint64_t *)p)[i * words + n] !=
				 (i < SAME ? i : n % (1 + i % 4) ? i : word_of(i, n * 4));
	return wrong;
}

static int use_pool(unsigned char *p, const char *pool, const char *compressor)
{
	int failed = 0;

	if (!only_zsmalloc && !km_put(PARAMETERS "zpool", pool))
		return 0;	/* not in this kernel */
	failed += !km_put(PARAMETERS "compressor", compressor);
	failed += !!madvise(p, PAGES * page_size, MADV_PAGEOUT);
	failed += !km_put("/proc/sys/vm/compact_memory", "1");
	failed += wrong_pages(p);
	failed += !!madvise(p, PAGES / 2 * page_size, MADV_PAGEOUT);
	failed += !km_put(PARAMETERS "max_pool_percent", "0");
	failed += !!madvise(p + PAGES / 2 * page_size, PAGES / 2 * page_size, MADV_PAGEOUT);
	usleep(20000);	/* it is written back by a worker */
	failed += !km_put(PARAMETERS "max_pool_percent", "20");
	failed += wrong_pages(p);
	return failed;
}

int main(int argc, char **argv)
{
	unsigned char *p;

	page_size = km_page_size();
	km_start(argc, argv);
	if (access(PARAMETERS "compressor", W_OK))
		km_absent("no zswap in this kernel");
	if (access("/proc/sys/vm/compact_memory", W_OK))
		km_absent("no compaction in this kernel");
	only_zsmalloc = access(PARAMETERS "zpool", W_OK);
	if (atexit(put_back_zswap))
		km_fail("atexit");
	if (!km_put(PARAMETERS "enabled", "Y"))
		km_absent("zswap of this kernel cannot be enabled");
	swap_to_disk();
	p = km_anonymous(PAGES * page_size);
	errno = 0;
	while (km_pass()) {
		int failed = 0;

		write_pages(p);
		km_begin();
		for (size_t i = only_zsmalloc ? 2 : 0; i < sizeof(pools) / sizeof(*pools); i++)
			failed += use_pool(p, pools[i][0], pools[i][1]);
		end_steps(1, failed);
		madvise(p, PAGES * page_size, MADV_DONTNEED);
	}
	return km_finish();
}
