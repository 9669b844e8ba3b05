// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages are pinned for long, by the kernel's gup_test: __gup_longterm_locked(), check_and_migrate_movable_pages(). */
#define GUP_TEST
#include "../common.h"

#define PAGES 4096
#define PAGES_A_CALL 64	/* of pin_user_pages() */
#define ROUNDS 4

int main(int argc, char **argv)
{
	unsigned char *p;

	km_start(argc, argv);
	open_gup_test();
	p = anonymous(PAGES * page_size);
	fill(p, PAGES);
	get_pages(PIN_LONGTERM, p, PAGES, PAGES_A_CALL);	/* where pages must move for it they have moved */
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++)
			get_pages(PIN_LONGTERM, p, PAGES, PAGES_A_CALL);
		km_end(ROUNDS * PAGES);
		check(p, PAGES);
	}
	return km_finish();
}
