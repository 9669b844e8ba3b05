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
	size_t size;
	char *p;

	start(argc, argv);
	need_advice(MADV_FREE, "MADV_FREE");
	size = PAGES * page_size;
	p = arena(size);
	while (km_pass()) {
		long long freed;
		long lazy;
		int errors;

		map_small_pages(p, size);
		write_numbers(p, PAGES);
		freed = counter("pglazyfree");
		km_begin();
		errors = advise_ranges(p, PAGES, MADV_FREE);
		for (size_t i = 0; i < WRITTEN; i++)
			*(volatile uint64_t *)(p + i * page_size) = i + 1;
		km_end(PAGES);
		if (errors)
			km_fail("%d calls failed", errors);
		expect_counted("pglazyfree", freed, PAGES - RANGE);	/* some still wait for it */
		lazy = smaps_kib(p, "LazyFree");
		if (lazy >= 0 && (lazy * 1024 > (long)((PAGES - WRITTEN) * page_size) || !lazy))
			km_fail("%ld KiB may be freed", lazy);
		check_numbers(p, PAGES);	/* nothing was reclaimed */
		km_wipe(p, size, page_size);
		close_area(p, size);
	}
	return km_finish();
}
