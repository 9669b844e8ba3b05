// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One page in each 2 MiB is touched, and all unmapped: __pte_alloc(), pte_alloc_one(), free_pgtables(),
 * tlb_remove_table().
 */
#include "../common.h"

#define TABLES 1024
#define APART (2ul << 20)

int main(int argc, char **argv)
{
	size_t size = TABLES * APART;

	km_start(argc, argv);
	while (km_pass()) {
		struct rusage before, after;
		long long taken;
		char *room, *p;

		room = mmap(NULL, size + APART, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			    -1, 0);
		if (room == MAP_FAILED)
			km_fail("mmap of %zu bytes", size);
		madvise(room, size + APART, MADV_NOHUGEPAGE);	/* an error: the kernel has no huge pages */
		p = (char *)(((uintptr_t)room + APART - 1) & -APART);
		taken = pages_taken();
		getrusage(RUSAGE_SELF, &before);
		km_begin();
		for (size_t i = 0; i < size; i += APART)
			p[i] = 1;
		if (munmap(room, size + APART))
			km_fail("munmap");
		km_end(TABLES);
		getrusage(RUSAGE_SELF, &after);
		if (after.ru_minflt - before.ru_minflt < TABLES)
			km_fail("%ld pages were touched, not %d", after.ru_minflt - before.ru_minflt, TABLES);
		check_pages(taken, TABLES * 3 / 2);	/* a table is a page, or half of one */
	}
	return km_finish();
}
