// SPDX-License-Identifier: GPL-2.0-or-later
/* reclaim_pages(), add_to_swap(), try_to_unmap() and swap_writepage(), by MADV_PAGEOUT. */
#include "../common.h"

#define PAGES 2048
#define SWAP_PAGES 4095

int main(int argc, char **argv)
{
	size_t size = PAGES * page_bytes();

	km_start(argc, argv);
	fill_disk(SWAP_PAGES);
	km_swap(RAM_DISK, SWAP_PAGES * page_bytes());
	while (km_pass()) {
		unsigned char *p = anonymous(size);
		size_t swapped;
		int failed;

		fill(p, PAGES);
		page_out(p, PAGES);	/* tells if it cannot be done at all */
		fill(p, PAGES);
		km_begin();
		failed = madvise(p, size, MADV_PAGEOUT);
		km_end(PAGES);
		if (failed)
			km_fail("madvise(MADV_PAGEOUT)");
		swapped = count_pages(p, PAGES, PAGEMAP_SWAPPED);
		if (swapped != PAGES)
			km_fail("%zu pages of %d were swapped out", swapped, PAGES);
		check_filled(p, PAGES);
		munmap(p, size);
	}
	return km_finish();
}
