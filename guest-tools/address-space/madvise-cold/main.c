// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls pages in use cold: madvise_cold_or_pageout_pte_range(), deactivate_page(), lru_deactivate_fn(). */
#include "../madvised.h"

#define PAGES 8192

int main(int argc, char **argv)
{
	size_t size = PAGES * start(argc, argv);
	char *p = arena(size);

	need_advice(MADV_COLD, "MADV_COLD");
	need_advice(MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE");
	while (km_pass()) {
		long long deactivated = km_count("pgdeactivate");

		map_numbers(p, PAGES);
		use_pages(p, PAGES);
		km_check_smaps(p, size, "Referenced", size);
		measure_advice(p, PAGES, MADV_COLD);
		km_check_smaps(p, size, "Referenced", 0);
		km_check_count("pgdeactivate", deactivated, PAGES - 2 * RANGE);
		close_numbers(p, PAGES);
	}
	return km_finish();
}
