// SPDX-License-Identifier: GPL-2.0-or-later
/* Maps a large region, touches a page in each page table and unmaps: __pte_alloc(), unmap_region(), free_pgtables(). */
#include "../common.h"

#define TABLES 64
#define ROUNDS 24
#define SIZE (TABLES * KM_TABLE)

int main(int argc, char **argv)
{
	char *hole;

	start(argc, argv);
	no_huge_pages_at_all();
	hole = arena(SIZE);
	while (km_pass()) {
		long long tables = km_number_in("/proc/self/status", "VmPTE");
		int elsewhere = 0, errors = 0, old = 0;

		km_begin();
		open_hole(hole, SIZE);
		for (int round = 0; round < ROUNDS; round++) {
			volatile char *p = mmap(hole, SIZE, RW, ANONYMOUS, -1, 0);

			elsewhere += p != hole;
			for (size_t i = 0; i < TABLES; i++) {
				p[i * KM_TABLE + 1] = 1;	/* first of all: one fault, not one more for reading */
				old += p[i * KM_TABLE]++;	/* what the last round has written must be gone */
			}
			errors += munmap((void *)p, SIZE);
		}
		km_end(TABLES * ROUNDS);
		if (elsewhere || errors || old)
			km_fail("%d elsewhere, %d not unmapped, %d pages not fresh", elsewhere, -errors, old);
		expect_unmapped(hole);
		close_area(hole, SIZE);
		if (km_number_in("/proc/self/status", "VmPTE") > tables)
			km_fail("page tables were %lld KiB and are more now", tables);
	}
	return km_finish();
}
