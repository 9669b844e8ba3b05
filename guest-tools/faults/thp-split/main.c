// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A part of a transparent huge page is treated apart. MADV_DONTNEED and mprotect() split only how it is mapped
 * (__split_huge_pmd()), and the former queues it to be split (deferred_split_folio()); MADV_FREE splits it at once
 * (split_huge_page_to_list()). No call makes or frees a VMA, whose slabs would make boots differ: mprotect() moves the
 * border of two.
 */
#include "../common.h"

#define UNMAPPED 40
#define BORDER 1	/* is read-only to begin with, and stays whole */
#define PROTECTED 8
#define FREED 8		/* takes by far the longest */
#define CALLS (UNMAPPED + PROTECTED + FREED)
#define PAGES (CALLS + BORDER)
#define APART 5		/* which page of each */

static unsigned char *huge_pages(size_t size, size_t huge)
{
	unsigned char *p = map_apart(size, huge, ANONYMOUS, -1);

	if (madvise(p, size, MADV_HUGEPAGE))
		km_fail("madvise(MADV_HUGEPAGE)");
	for (size_t i = 0; i < PAGES; i++)
		p[i * huge] = value(i);
	if (mprotect(p + UNMAPPED * huge, BORDER * huge, PROT_READ))
		km_fail("mprotect");
	km_check_smaps(p, size, "AnonHugePages", size);
	return p;
}

static int split(unsigned char *p, size_t huge, size_t page_size)
{
	unsigned char *border = p + (UNMAPPED + BORDER) * huge, *end;
	int failed = 0, i;

	for (i = 0; i < UNMAPPED; i++)
		failed += madvise(p + i * huge + APART * page_size, page_size, MADV_DONTNEED) != 0;
	for (i += BORDER; i < UNMAPPED + BORDER + PROTECTED; i++, border = end) {
		end = p + i * huge + APART * page_size;
		failed += mprotect(border, end - border, PROT_READ) != 0;
	}
	for (; i < PAGES; i++)
		failed += madvise(p + i * huge + APART * page_size, page_size, MADV_FREE) != 0;
	return failed;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), huge = km_thp_size(), size = PAGES * huge;

	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = huge_pages(size, huge);
		long long before = km_count("thp_split_page"), after;
		int failed;

		km_begin();
		failed = split(p, huge, page_size);
		km_end(CALLS);
		after = km_count("thp_split_page");
		if (failed)
			km_fail("%d of %d calls failed", failed, CALLS);
		if (before >= 0 && after - before != FREED)
			km_fail("%lld huge pages were split, not %d", after - before, FREED);
		km_check_smaps(p, size, "AnonHugePages", BORDER * huge);
		km_check_pages(p, size / page_size, KM_PRESENT, size / page_size - UNMAPPED);
		if (mprotect(p, size, PROT_READ | PROT_WRITE))
			km_fail("mprotect");
		check_and_unmap(p, size, huge);
	}
	return km_finish();
}
