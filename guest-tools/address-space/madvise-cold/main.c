// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls pages in use cold: madvise_cold_or_pageout_pte_range(), deactivate_page(), lru_deactivate_fn(). */
#include "../madvised.h"

#define PAGES 8192

int main(int argc, char **argv)
{
	size_t size;
	char *p;

	start(argc, argv);
	need_advice(MADV_COLD, "MADV_COLD");
	need_advice(MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE");
	size = PAGES * page_size;
	p = arena(size);
	while (km_pass()) {
		long long deactivated = counter("pgdeactivate");
		int errors;

		map_small_pages(p, size);
		write_numbers(p, PAGES);
		use_pages(p, PAGES);
		expect_smaps(p, "Referenced", PAGES);
		km_begin();
		errors = advise_ranges(p, PAGES, MADV_COLD);
		km_end(PAGES);
		if (errors)
			km_fail("%d calls failed", errors);
		expect_smaps(p, "Referenced", 0);
		expect_counted("pgdeactivate", deactivated, PAGES - 2 * RANGE);
		check_numbers(p, PAGES);
		km_wipe(p, size, page_size);
		close_area(p, size);
	}
	return km_finish();
}
