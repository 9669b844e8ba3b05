// SPDX-License-Identifier: GPL-2.0-or-later
/* Drops anonymous pages, 64 at a time: madvise_dontneed_free(), zap_pte_range(), free_pages_and_swap_cache(). */
#include "../madvised.h"

#define PAGES 8192

int main(int argc, char **argv)
{
	size_t size;
	char *p;

	start(argc, argv);
	size = PAGES * page_size;
	p = arena(size);
	while (km_pass()) {
		int errors;

		map_small_pages(p, size);
		write_numbers(p, PAGES);
		km_begin();
		errors = advise_ranges(p, PAGES, MADV_DONTNEED);
		km_end(PAGES);
		if (errors)
			km_fail("%d calls failed", errors);
		expect_pages(p, PAGES, PRESENT, 0);
		check_zeros(p, PAGES);
		close_area(p, size);
	}
	return km_finish();
}
