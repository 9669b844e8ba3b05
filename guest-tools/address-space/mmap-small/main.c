// SPDX-License-Identifier: GPL-2.0-or-later
/* Maps a page and unmaps it, untouched: get_unmapped_area(), mmap_region(), do_munmap(), the allocation of VMAs. */
#include "../common.h"

#define ROUNDS 3000
#define MOST 4096	/* pages that are free above the hole: large mappings are aligned, which leaves gaps */

/* The hole is the only place for a page that mmap() finds before it looks below all mappings: others are filled. */
static char *only_hole(void)
{
	char *hole = arena(KM_TABLE) + KM_TABLE / 2, *p;
	int tries = 0;

	open_hole(hole, page_size);
	do {
		if (tries++ == MOST)
			km_fail("mmap() does not find the hole that is there for it");
		p = km_map(NULL, page_size, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1);
	} while (p != hole);
	return hole;
}

int main(int argc, char **argv)
{
	char *hole;

	start(argc, argv);
	hole = only_hole();
	while (km_pass()) {
		int elsewhere = 0, errors = 0;

		km_begin();
		open_hole(hole, page_size);
		for (int i = 0; i < ROUNDS; i++) {
			char *p = mmap(NULL, page_size, RW, ANONYMOUS, -1, 0);

			elsewhere += p != hole;	/* also if it is mapped still */
			errors += munmap(p, page_size);
		}
		km_end(2 * ROUNDS);
		if (elsewhere || errors)
			km_fail("%d pages were mapped elsewhere, %d not unmapped", elsewhere, -errors);
		expect_unmapped(hole);
		km_map(hole, page_size, RW, ANONYMOUS | MAP_FIXED, -1);
		expect_vma(hole, 1);
		close_area(hole, page_size);
	}
	return km_finish();
}
