// SPDX-License-Identifier: GPL-2.0-or-later
/* reclaim_pages(), add_to_swap(), try_to_unmap() and swap_writepage(), by MADV_PAGEOUT. */
#include "../common.h"

#define PAGES 2048

int main(int argc, char **argv)
{
	size_t size = PAGES * km_page_size();

	km_start(argc, argv);
	swap_to_disk();
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		int failed;

		fill(p, PAGES);
		page_out(p, PAGES);	/* tells if it cannot be done at all */
		fill(p, PAGES);
		km_begin();
		failed = madvise(p, size, MADV_PAGEOUT);
		km_end(PAGES);
		if (failed)
			km_fail("madvise(MADV_PAGEOUT)");
		km_check_pages(p, PAGES, KM_SWAPPED, PAGES);
		check_filled(p, PAGES);
		munmap(p, size);
	}
	return km_finish();
}
