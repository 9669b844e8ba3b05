// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes a page in the middle of a VMA read-only and writable again: split_vma(), vma_merge(), __vma_adjust(). */
#include "../common.h"

#define PAGES 64
#define MIDDLE 32
#define ROUNDS 1500

int main(int argc, char **argv)
{
	size_t size = PAGES * start(argc, argv);
	char *p = arena(size), *middle = p + MIDDLE * page_size;

	while (km_pass()) {
		int errors = 0;

		map_numbers(p, PAGES);
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			errors += mprotect(middle, page_size, PROT_READ);
			errors += mprotect(middle, page_size, RW);
		}
		errors += mprotect(middle, page_size, PROT_READ);
		km_end(2 * ROUNDS + 1);
		if (errors)
			km_fail("%d of the calls failed", -errors);
		expect_vma(p, MIDDLE);
		expect_vma(middle, 1);
		if (strcmp(vma_of(middle).flags, "r--p"))
			km_fail("the page in the middle is %s", vma_of(middle).flags);
		expect_vma(middle + page_size, PAGES - MIDDLE - 1);
		if (mprotect(middle, page_size, RW))
			km_fail("mprotect");
		expect_vma(p, PAGES);
		check_numbers(p, PAGES);
		close_area(p, size);
	}
	return km_finish();
}
