// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that are there are got and pinned without mmap_lock, by the kernel's gup_test: get_user_pages_fast(),
 * pin_user_pages_fast(), gup_pte_range(), try_grab_folio(), unpin_user_pages().
 */
#include "../common.h"

#define PAGES 4096
#define PAGES_A_CALL 64	/* of get_user_pages_fast() */
#define ROUNDS 4

int main(int argc, char **argv)
{
	size_t size = PAGES * km_page_size();
	int gup_test;
	void *p;

	km_start(argc, argv);
	gup_test = open_gup_test(&p, PAGES);
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			get_pages(gup_test, GUP_FAST, p, size, PAGES_A_CALL);
			get_pages(gup_test, PIN_FAST, p, size, PAGES_A_CALL);
		}
		km_end(2 * ROUNDS * PAGES);
		km_check(p, PAGES);
	}
	return km_finish();
}
