// SPDX-License-Identifier: GPL-2.0-or-later
/* Locks populated pages and unlocks them: mlock_fixup(), mlock_pte_range(), mlock_folio(), munlock_page(). */
#include "../common.h"

#define PAGES 512
#define ROUNDS 10

int main(int argc, char **argv)
{
	size_t size = PAGES * start(argc, argv);
	char *p = arena(size);

	while (km_pass()) {
		long long locked = km_count("unevictable_pgs_mlocked");
		long long unlocked = km_count("unevictable_pgs_munlocked");
		int errors = 0;

		map_numbers(p, PAGES);
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			errors += mlock(p, size);
			errors += munlock(p, size);
		}
		errors += mlock(p, size);
		km_end((2 * ROUNDS + 1) * PAGES);
		if (errors)
			km_fail("%d calls failed", -errors);
		km_check_smaps(p, size, "Locked", size);
		km_check_count("unevictable_pgs_mlocked", locked, (ROUNDS + 1) * PAGES);
		km_check_count("unevictable_pgs_munlocked", unlocked, ROUNDS * (PAGES - 64));	/* some wait for it */
		if (munlock(p, size))
			km_fail("munlock");
		km_check_smaps(p, size, "Locked", 0);
		expect_vma(p, PAGES);
		check_numbers(p, PAGES);
		close_area(p, size);
	}
	return km_finish();
}
