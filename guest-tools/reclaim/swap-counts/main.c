// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * add_swap_count_continuation(): swapped pages that 70 children share; free_swap_and_cache() when they end, with the
 * pages in the swap cache.
 */
#include "../files.h"

#define PAGES 64
#define CHILDREN 70

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();
	pid_t children[CHILDREN];
	unsigned char *p;

	km_start(argc, argv);
	km_keep("/proc/sys/vm/page-cluster");
	km_write("/proc/sys/vm/page-cluster", "3");
	swap_to_disk();
	p = km_anonymous(PAGES * page_size);
	while (km_pass()) {
		size_t wrong;

		fill(p, PAGES);
		page_out(p, PAGES);
		km_begin();
		for (int i = 0; i < CHILDREN; i++)
			children[i] = idle_child();
		wrong = touch_filled(p, PAGES, page_size);
		for (int i = 0; i < CHILDREN; i++)
			km_end_other(children[i]);
		km_end(CHILDREN);
		if (wrong)
			km_fail("%zu pages came back wrong", wrong);
		check_filled(p, PAGES);
	}
	return km_finish();
}
