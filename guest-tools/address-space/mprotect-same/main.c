// SPDX-License-Identifier: GPL-2.0-or-later
/* mprotect() that changes nothing: the way through do_mprotect_pkey() to where mprotect_fixup() has nothing to do. */
#include "../common.h"

#define PAGES 2048
#define EACH 16
#define ROUNDS 40

int main(int argc, char **argv)
{
	size_t size = PAGES * start(argc, argv);
	char *p = arena(size);

	while (km_pass()) {
		int errors = 0;

		map_numbers(p, PAGES);
		km_begin();
		for (int i = 0; i < ROUNDS; i++)
			for (size_t at = 0; at < size; at += EACH * page_size)
				errors += mprotect(p + at, EACH * page_size, RW);
		km_end(ROUNDS * PAGES / EACH);
		if (errors)
			km_fail("%d of the calls failed", -errors);
		expect_vma(p, PAGES);
		close_numbers(p, PAGES);
	}
	return km_finish();
}
