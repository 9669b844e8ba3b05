// SPDX-License-Identifier: GPL-2.0-or-later
/* Maps anonymous memory with MAP_POPULATE: __mm_populate(), populate_vma_page_range(), faultin_page(). */
#include "../common.h"

#define AREAS 8
#define AREA_SIZE (2 * KM_TABLE)	/* each is mapped over what keeps its place */
#define APART (3 * KM_TABLE)

int main(int argc, char **argv)
{
	size_t pages;
	char *room;

	start(argc, argv);
	no_huge_pages_at_all();
	pages = AREA_SIZE / page_size;
	room = arena(AREAS * APART);
	while (km_pass()) {
		int elsewhere = 0;
		long faults;

		km_begin();
		for (size_t i = 0; i < AREAS; i++)
			elsewhere += mmap(room + i * APART, AREA_SIZE, RW, ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1,
					  0) != room + i * APART;
		km_end(AREAS * pages);
		if (elsewhere)
			km_fail("%d areas are elsewhere, or not mapped", elsewhere);
		faults = km_faults();
		for (size_t i = 0; i < AREAS; i++) {
			check_zeros(room + i * APART, pages);
			write_numbers(room + i * APART, pages);
		}
		if (km_faults() != faults)
			km_fail("writing to populated memory took %ld faults", km_faults() - faults);
		for (size_t i = 0; i < AREAS; i++) {
			km_check_pages(room + i * APART, pages, KM_PRESENT, pages);
			km_wipe(room + i * APART, AREA_SIZE, page_size);
			close_area(room + i * APART, AREA_SIZE);
		}
	}
	return km_finish();
}
