// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages are pinned for long, by the kernel's gup_test: __gup_longterm_locked(), check_and_migrate_movable_pages(). */
#include "../common.h"

#define PAGES 4096
#define PAGES_A_CALL 64	/* of pin_user_pages() */
#define ROUNDS 4

int main(int argc, char **argv)
{
	size_t size = PAGES * km_page_size();
	int gup_test;
	void *p;

	km_start(argc, argv);
	gup_test = open_gup_test(&p, PAGES);
	get_pages(gup_test, PIN_LONGTERM, p, size, PAGES_A_CALL);	/* pages that must move for it have moved */
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++)
			get_pages(gup_test, PIN_LONGTERM, p, size, PAGES_A_CALL);
		km_end(ROUNDS * PAGES);
		km_check(p, PAGES);
	}
	return km_finish();
}
