// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moves 512 populated pages to and fro: move_vma(), copy_vma(), move_page_tables(), move_ptes(). The places are shifted
 * against each other by less than a page table maps, so page tables cannot be moved as a whole.
 */
#include "../move.h"

#define PAGES 512
#define SHIFT 32	/* pages of the first place from the start of its page table; of the second, twice as many */
#define ROUNDS 60

/* A page at either end of the two page tables: they stay when the mapping is elsewhere. */
static void keep_tables(char *tables)
{
	char *last = tables + 2 * KM_TABLE - page_size;

	map_small_pages(tables, page_size)[0] = 1;
	map_small_pages(last, page_size)[0] = 1;
}

int main(int argc, char **argv)
{
	char *room, *here, *there;
	size_t size;

	start(argc, argv);
	size = PAGES * page_size;
	room = arena(5 * KM_TABLE);
	keep_tables(room);
	keep_tables(room + 3 * KM_TABLE);
	here = room + SHIFT * page_size;
	there = room + 3 * KM_TABLE + 2 * SHIFT * page_size;
	while (km_pass()) {
		int wrong;

		map_numbers(here, PAGES);
		km_begin();
		wrong = move_to_and_fro(here, there, size, ROUNDS);
		km_end((2 * ROUNDS + 1) * PAGES);
		if (wrong)
			km_fail("%d moves failed", wrong);
		expect_unmapped(here);
		expect_vma(there, PAGES);
		km_check_pages(there, PAGES, KM_PRESENT, PAGES);
		check_numbers(there, PAGES);
		close_area(here, size);
		close_area(there, size);
	}
	return km_finish();
}
