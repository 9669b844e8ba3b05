// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes to private hugetlb pages that parent and child have in common: hugetlb_wp(). */
#include "../cow.h"

#define PAGES 32

int main(int argc, char **argv)
{
	size_t size;

	km_start(argc, argv);
	page_size = km_hugetlb_pool(2 * PAGES);
	size = PAGES * page_size;
	while (km_pass()) {
		unsigned char *p = map_apart(size, page_size, ANONYMOUS | MAP_HUGETLB, -1);
		struct child child;

		fill(p, size);
		child = start_child(all_old, p, size);
		write_each(p, PAGES, page_size);
		check_pool(0);
		end_child(child);
		check_whole_and_unmap(p, size);
	}
	return km_finish();
}
