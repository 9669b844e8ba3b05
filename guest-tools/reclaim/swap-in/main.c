// SPDX-License-Identifier: GPL-2.0-or-later
/* do_swap_page() of pages that nobody else has: a RAM disk is synchronous, they are read one by one. */
#include "../common.h"

#define PAGES 2048
#define SWAP_PAGES 4095

int main(int argc, char **argv)
{
	size_t page_size = page_bytes(), size = PAGES * page_size;

	km_start(argc, argv);
	km_keep("/proc/sys/vm/page-cluster");
	km_write("/proc/sys/vm/page-cluster", "0");
	fill_disk(SWAP_PAGES);
	km_swap(RAM_DISK, SWAP_PAGES * page_size);
	while (km_pass()) {
		unsigned char *p = anonymous(size);
		size_t wrong, there;

		fill(p, PAGES);
		page_out(p, PAGES);
		km_begin();
		wrong = touch_filled(p, PAGES, page_size);
		km_end(PAGES);
		there = count_pages(p, PAGES, PAGEMAP_PRESENT);
		if (wrong || there != PAGES)
			km_fail("%zu pages of %d are there, %zu came back wrong", there, PAGES, wrong);
		check_filled(p, PAGES);
		munmap(p, size);
	}
	return km_finish();
}
