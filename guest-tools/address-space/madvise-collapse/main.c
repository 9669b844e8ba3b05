// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes huge pages of anonymous pages: madvise_collapse(), hpage_collapse_scan_pmd(), collapse_huge_page(). Huge
 * pages are off until the region begins, so neither a fault nor khugepaged makes one before.
 */
#include "../common.h"

#define HUGE_PAGES 8
#define HUGE_SIZE "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* MADV_NOHUGEPAGE would forbid collapsing, too. */
static char *map_pages(char *p, size_t size)
{
	no_huge_pages_at_all();
	km_map(p, size, RW, ANONYMOUS | MAP_FIXED, -1);
	write_numbers(p, size / page_size);
	km_check_smaps(p, size, "AnonHugePages", 0);
	return p;
}

int main(int argc, char **argv)
{
	size_t huge, size;
	char *p;

	start(argc, argv);
	need_advice(MADV_COLLAPSE, "MADV_COLLAPSE");
	if (access(HUGE_SIZE, R_OK))
		km_absent("this machine has no transparent huge pages");
	huge = km_read(HUGE_SIZE);
	size = HUGE_PAGES * huge;
	p = arena(size);
	while (km_pass()) {
		int errors;

		map_pages(p, size);
		km_begin();
		errors = prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
		for (size_t i = 0; i < HUGE_PAGES; i++)
			errors += madvise(p + i * huge, huge, MADV_COLLAPSE);
		km_end(size / page_size);
		if (errors)
			km_fail("%d calls failed", -errors);
		km_check_smaps(p, size, "AnonHugePages", size);
		close_numbers(p, size / page_size);
	}
	return km_finish();
}
