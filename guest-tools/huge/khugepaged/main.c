// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * khugepaged makes huge pages of small ones: hugepage_madvise(), khugepaged_scan_mm_slot(), collapse_huge_page(), with
 * pages that are swapped out (__collapse_huge_page_swapin()) or not there, and of a file (collapse_file(),
 * retract_page_tables()).
 */
#include "../common.h"

#define HUGE_PAGES 4	/* of each kind */
#define SWAPPED 16	/* pages of each */
#define SWAP_PAGES 2000
#define KHUGEPAGED KM_THP "khugepaged/"
#define PATIENCE 2000	/* steps of a millisecond */

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static size_t huge, page_size, size;
static char *anonymous, *shared;
static int fd;

/* Of the anonymous memory, the first page of each eight is not there. */
static void fill_anonymous(void)
{
	for (size_t i = 0; i < size / page_size; i++)
		if (i % 8)
			*(uint64_t *)(anonymous + i * page_size) = km_word(i);
}

static void check_anonymous(void)
{
	for (size_t i = 0; i < size / page_size; i++)
		if (*(uint64_t *)(anonymous + i * page_size) != (i % 8 ? km_word(i) : 0))
			km_fail("page %zu does not hold what was written", i);
	km_check_smaps(anonymous, size, "AnonHugePages", size);
}

static void map_both(void)
{
	must(!prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	km_map(anonymous, size, RW, ANONYMOUS | MAP_FIXED, -1);
	fill_anonymous();
	fd = memfd_create("khugepaged", 0);
	must(fd >= 0 && !ftruncate(fd, size));
	km_map(shared, size, RW, MAP_SHARED | MAP_FIXED, fd);
	km_fill(shared, size / page_size);
	for (size_t i = 0; i < size; i += huge)
		must(!madvise(anonymous + i + page_size, SWAPPED / 2 * page_size, MADV_PAGEOUT));
	must(!prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	errno = 0;
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	huge = km_thp_size();
	page_size = km_page_size();
	size = HUGE_PAGES * huge;
	swap_to_zram(SWAP_PAGES);
	km_keep(KHUGEPAGED "scan_sleep_millisecs");
	km_keep(KHUGEPAGED "pages_to_scan");
	km_keep(KHUGEPAGED "max_ptes_swap");
	km_write(KHUGEPAGED "scan_sleep_millisecs", "86400000");
	km_write(KHUGEPAGED "pages_to_scan", "8192");
	km_write(KHUGEPAGED "max_ptes_swap", "64");
	must(km_put(KM_THP "shmem_enabled", "advise"));
	anonymous = room(size, huge);
	shared = room(size, huge);
	while (km_pass()) {
		long before, waited = 0, expected = 2 * HUGE_PAGES;

		map_both();
		before = number_of(KHUGEPAGED "pages_collapsed");
		km_begin();
		must(!madvise(anonymous, size, MADV_HUGEPAGE) && !madvise(shared, size, MADV_HUGEPAGE));
		must(km_put(KHUGEPAGED "scan_sleep_millisecs", "0"));
		while (number_of(KHUGEPAGED "pages_collapsed") < before + expected && waited++ < PATIENCE)
			usleep(1000);
		must(km_put(KHUGEPAGED "scan_sleep_millisecs", "86400000"));
		km_end(expected);
		if (number_of(KHUGEPAGED "pages_collapsed") < before + expected)
			km_fail("%ld huge pages of %ld were made", number_of(KHUGEPAGED "pages_collapsed") - before,
				expected);
		check_anonymous();
		km_check(shared, size / page_size);
		close_room(anonymous, size);
		close_room(shared, size);
		close(fd);
		errno = 0;
	}
	km_put(KM_THP "shmem_enabled", "never");
	errno = 0;
	return km_finish();
}
