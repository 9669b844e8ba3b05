// SPDX-License-Identifier: GPL-2.0-or-later
/* Drops anonymous pages, 64 at a time: madvise_dontneed_free(), zap_pte_range(), free_pages_and_swap_cache(). */
#include "../madvised.h"

#define PAGES 8192

int main(int argc, char **argv)
{
	size_t size = PAGES * start(argc, argv);
	char *p = arena(size);

	while (km_pass()) {
		map_numbers(p, PAGES);
		measure_advice(p, PAGES, MADV_DONTNEED);
		km_check_pages(p, PAGES, KM_PRESENT, 0);
		check_zeros(p, PAGES);
		close_area(p, size);
	}
	return km_finish();
}
