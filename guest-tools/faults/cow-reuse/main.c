// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes to anonymous pages that are write-protected since fork(), with the child gone: wp_page_reuse(). */
#include "../cow.h"

#define PAGES 4096

int main(int argc, char **argv)
{
	size_t size;

	page_size = km_page_size();
	size = PAGES * page_size;
	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_anonymous(size);
		uint64_t before;
		long taken;

		fill(p, size);
		end_child(start_child(all_old, p, size));
		before = places(p, PAGES);
		km_begin();
		taken = km_faults();	/* nothing else shows that pages were write-protected: twice in 4,096 faults */
		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = value(i);
		taken = km_faults() - taken;
		km_end(PAGES);
		if (taken < PAGES)
			km_fail("%ld faults for %d pages", taken, PAGES);
		if (places(p, PAGES) != before)
			km_fail("pages were copied");
		check_whole_and_unmap(p, size);
	}
	return km_finish();
}
