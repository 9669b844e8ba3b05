// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes to merged pages: do_wp_page() and wp_page_copy() of KSM pages, their reverse mapping. */
#define PAGES 2048
#include "../common.h"

int main(int argc, char **argv)
{
	merging_set_up(argc, argv);
	while (km_pass()) {
		unsigned char *p = merged();

		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = 0xff;
		km_end(PAGES);
		check_taken_apart(p, true);
	}
	return km_finish();
}
