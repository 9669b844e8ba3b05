// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes to anonymous pages that parent and child have in common: do_wp_page(), wp_page_copy(). */
#include "../cow.h"

#define PAGES 3072

int main(int argc, char **argv)
{
	size_t size;

	page_size = km_page_size();
	size = PAGES * page_size;
	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_anonymous(size);
		struct child child;
		uint64_t before;

		fill(p, size);
		child = start_child(all_old, p, size);
		before = places(p, PAGES);
		write_each(p, PAGES, page_size);
		if (before && places(p, PAGES) == before)
			km_fail("the parent has the pages that it had");
		end_child(child);
		check_whole_and_unmap(p, size);
	}
	return km_finish();
}
