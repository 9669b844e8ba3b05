// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gives pages free, and writes to most of them again: madvise_free_single_vma(), mark_page_lazyfree(),
 * lru_lazyfree_fn().
 */
#include "../madvised.h"

#define PAGES 8192
#define WRITTEN (PAGES - 4 * RANGE)	/* again; the others stay to be freed */

int main(int argc, char **argv)
{
	char *p = arena(PAGES * start(argc, argv));

	need_advice(MADV_FREE, "MADV_FREE");
	while (km_pass()) {
		long long freed;
		long lazy;
		int errors;

		map_numbers(p, PAGES);
		freed = km_count("pglazyfree");
		km_begin();
		errors = advise_ranges(p, PAGES, MADV_FREE);
		for (size_t i = 0; i < WRITTEN; i++)
			*(volatile uint64_t *)(p + i * page_size) = i + 1;
		km_end(PAGES);
		if (errors)
			km_fail("%d calls failed", errors);
		km_check_count("pglazyfree", freed, PAGES - RANGE);	/* some still wait for it */
		lazy = smaps_kib("/proc/self/smaps", p, "LazyFree");
		if (lazy >= 0 && (lazy * 1024 > (long)((PAGES - WRITTEN) * page_size) || !lazy))
			km_fail("%ld KiB may be freed", lazy);
		close_numbers(p, PAGES);	/* nothing was reclaimed */
	}
	return km_finish();
}
