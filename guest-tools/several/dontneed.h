/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives pages back one by one, by MADV_DONTNEED: zap_page_range_single(). */
#include "common.h"

static unsigned char *p;

static long give_back(size_t i)
{
	return madvise(p + i * km_page_size(), km_page_size(), MADV_DONTNEED);
}

static int measure_dontneed(int argc, char **argv, enum peer peer)
{
	set_up(argc, argv, peer);
	while (km_pass()) {
		p = pages_of(CALLS + 1);
		measure(peer, give_back);
		for (size_t i = 0; i <= CALLS; i++)
			if (p[i * km_page_size()] != (i < CALLS ? 0 : CALLS + 1))
				km_fail("page %zu is not what it has to be", i);
		munmap(p, (CALLS + 1) * km_page_size());
	}
	return km_finish();
}
