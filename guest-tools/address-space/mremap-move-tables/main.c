// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moves a mapping of 64 page tables with 8 pages each to and fro, both places aligned: move_page_tables() with
 * move_normal_pmd() where the architecture has that; others move the pages by move_ptes().
 */
#include "../move.h"

#define TABLES 64
#define PAGES 8	/* in each */
#define ROUNDS 40
#define SIZE (TABLES * KM_TABLE)

int main(int argc, char **argv)
{
	char *here, *there;

	start(argc, argv);
	here = arena(SIZE);
	there = arena(SIZE);
	while (km_pass()) {
		int wrong;

		map_small_pages(here, SIZE);
		for (size_t i = 0; i < TABLES; i++)
			write_numbers(here + i * KM_TABLE, PAGES);
		km_begin();
		wrong = move_to_and_fro(here, there, SIZE, ROUNDS);
		km_end((2 * ROUNDS + 1) * TABLES);
		if (wrong)
			km_fail("%d moves failed", wrong);
		expect_unmapped(here);
		expect_vma(there, SIZE / page_size);
		km_check_pages(there, SIZE / page_size, KM_PRESENT, TABLES * PAGES);
		for (size_t i = 0; i < TABLES; i++)
			check_numbers(there + i * KM_TABLE, PAGES);
		close_area(here, SIZE);
		close_area(there, SIZE);
	}
	return km_finish();
}
