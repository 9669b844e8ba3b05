// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes to pages that were read before: wp_page_copy() takes a fresh page in place of the zero page. */
#include "../common.h"

#define PAGES 3072

int main(int argc, char **argv)
{
	size_t page_size = sysconf(_SC_PAGESIZE), size = PAGES * page_size;

	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_anonymous(size);

		for (size_t i = 0; i < size; i += page_size)
			if (*(volatile unsigned char *)(p + i))
				km_fail("a fresh page is not zero");
		check_present(p, PAGES, PAGES);
		check_smaps(p, size, "Rss", 0);	/* the zero page is not counted */
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = value(i);
		km_end(PAGES);
		check_smaps(p, size, "Anonymous", size);
		check_written(p, size, page_size);
		km_wipe(p, size, page_size);
		unmap_apart(p, size);
	}
	return km_finish();
}
