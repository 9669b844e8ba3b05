// SPDX-License-Identifier: GPL-2.0-or-later
/* charge_memcg() and uncharge_batch() below their limits: faults of a process in a memory cgroup, and zap. */
#include "../common.h"

#define PAGES 2048
#define ROUNDS 2
#define SLACK 256	/* pages that a CPU has charged in advance, and other pages of the process */

static long current_pages(void)
{
	return km_read(CGROUP "/memory.current") / km_page_size();
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;

	km_start(argc, argv);
	cgroup_make();
	cgroup_enter();
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		long before, charged;
		int failed = 0;

		km_fill(p, PAGES);	/* the page tables stay there */
		if (madvise(p, size, MADV_DONTNEED))
			km_fail("madvise(MADV_DONTNEED)");
		km_begin();
		for (int round = 0; round < ROUNDS; round++) {
			for (size_t i = 0; i < PAGES; i++)
				((volatile unsigned char *)p)[i * page_size] = i % 251 + 1;
			failed |= madvise(p, size, MADV_DONTNEED);
		}
		km_end(ROUNDS * PAGES);
		if (failed)
			km_fail("madvise(MADV_DONTNEED)");
		before = current_pages();
		for (size_t i = 0; i < PAGES; i++) {
			if (p[i * page_size])
				km_fail("page %zu was not freed", i);
			p[i * page_size] = 1;
		}
		charged = current_pages() - before;
		if (charged < PAGES - SLACK || charged > PAGES + SLACK)
			km_fail("%d pages were touched, %ld were charged", PAGES, charged);
		munmap(p, size);
		charged = current_pages() - before;
		if (charged > SLACK || charged < -SLACK)
			km_fail("of what was freed %ld pages were not uncharged", charged);
	}
	return km_finish();
}
