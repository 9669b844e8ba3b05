/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unmaps pages one by one: flush_tlb_mm_range() of tlb_finish_mmu(). */
#include "common.h"

static unsigned char *p;

static long unmap(size_t i)
{
	return munmap(p + i * km_page_size(), km_page_size());
}

static int measure_munmap(int argc, char **argv, enum peer peer)
{
	unsigned char there;

	set_up(argc, argv, peer);
	while (km_pass()) {
		p = pages_of(CALLS + 1);
		measure(peer, unmap);
		for (size_t i = 0; i < CALLS; i++)
			if (!mincore(p + i * km_page_size(), km_page_size(), &there) || errno != ENOMEM)
				km_fail("page %zu is mapped", i);
		errno = 0;
		if (p[CALLS * km_page_size()] != CALLS + 1)
			km_fail("the last page is not what it was");
		munmap(p + CALLS * km_page_size(), km_page_size());
	}
	return km_finish();
}
