// SPDX-License-Identifier: GPL-2.0-or-later
/* A mapping grows in place and shrinks: vma_to_resize(), vma_expandable(), vma_merge() and do_munmap() of mremap(). */
#include "../common.h"

#define SMALL 16	/* pages */
#define LARGE 48
#define ROUNDS 1500

int main(int argc, char **argv)
{
	size_t small, large;
	char *p;

	start(argc, argv);
	small = SMALL * page_size;
	large = LARGE * page_size;
	p = arena(large);
	while (km_pass()) {
		int wrong = 0;

		map_numbers(p, SMALL);
		km_begin();
		open_hole(p + small, large - small);
		for (int i = 0; i < ROUNDS; i++) {
			wrong += mremap(p, small, large, 0) != p;
			wrong += mremap(p, large, small, 0) != p;
		}
		wrong += mremap(p, small, large, 0) != p;
		km_end(2 * ROUNDS + 1);
		if (wrong)
			km_fail("%d calls failed", wrong);
		expect_vma(p, LARGE);
		check_zeros(p + small, LARGE - SMALL);
		check_numbers(p, SMALL);
		if (mremap(p, large, small, 0) != p)
			km_fail("mremap");
		expect_vma(p, SMALL);
		close_area(p, large);
	}
	return km_finish();
}
