// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that are there are got and pinned without mmap_lock, by the kernel's gup_test: get_user_pages_fast(),
 * pin_user_pages_fast(), gup_pte_range(), try_grab_folio(), unpin_user_pages().
 */
#define GUP_TEST
#include "../common.h"

#define PAGES 4096
#define PAGES_A_CALL 64	/* of get_user_pages_fast() */
#define ROUNDS 4

int main(int argc, char **argv)
{
	unsigned char *p;

	km_start(argc, argv);
	open_gup_test();
	p = anonymous(PAGES * page_size);
	fill(p, PAGES);
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			get_pages(GUP_FAST, p, PAGES, PAGES_A_CALL);
			get_pages(PIN_FAST, p, PAGES, PAGES_A_CALL);
		}
		km_end(2 * ROUNDS * PAGES);
		check(p, PAGES);
	}
	return km_finish();
}
