// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One page in each 2 MiB is touched, and all unmapped: __pte_alloc(), pte_alloc_one(), free_pgtables(),
 * tlb_remove_table().
 */
#include "../common.h"

#define TABLES 1024

int main(int argc, char **argv)
{
	size_t size = TABLES * KM_TABLE;

	km_start(argc, argv);
	while (km_pass()) {
		struct rusage before, after;
		long long taken;
		char *room, *p;

		room = km_map(NULL, size + KM_TABLE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
		km_small_pages(room, size + KM_TABLE);
		p = (char *)(((uintptr_t)room + KM_TABLE - 1) & -KM_TABLE);
		taken = pages_taken();
		getrusage(RUSAGE_SELF, &before);
		km_begin();
		for (size_t i = 0; i < size; i += KM_TABLE)
			p[i] = 1;
		if (munmap(room, size + KM_TABLE))
			km_fail("munmap");
		km_end(TABLES);
		getrusage(RUSAGE_SELF, &after);
		if (after.ru_minflt - before.ru_minflt < TABLES)
			km_fail("%ld pages were touched, not %d", after.ru_minflt - before.ru_minflt, TABLES);
		check_pages(taken, TABLES * 3 / 2);	/* a table is a page, or half of one */
	}
	return km_finish();
}
