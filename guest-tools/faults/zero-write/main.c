// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes to pages that were read before: wp_page_copy() takes a fresh page in place of the zero page. */
#include "../common.h"

#define PAGES 3072

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;

	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_anonymous(size);

		for (size_t i = 0; i < size; i += page_size)
			if (*(volatile unsigned char *)(p + i))
				km_fail("a fresh page is not zero");
		km_check_pages(p, PAGES, KM_PRESENT, PAGES);
		km_check_smaps(p, size, "Rss", 0);	/* the zero page is not counted */
		write_each(p, PAGES, page_size);
		km_check_smaps(p, size, "Anonymous", size);
		check_and_unmap(p, size, page_size);
	}
	return km_finish();
}
