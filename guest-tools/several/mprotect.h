/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes pages read-only one by one: change_protection(), and splits and merges of VMAs. */
#include "common.h"

static unsigned char *p;

static long protect(size_t i)
{
	return mprotect(p + i * km_page_size(), km_page_size(), PROT_READ);
}

static int measure_mprotect(int argc, char **argv, enum peer peer)
{
	set_up(argc, argv, peer);
	while (km_pass()) {
		p = pages_of(CALLS + 1);
		measure(peer, protect);
		for (size_t i = 0; i <= CALLS; i++)
			if (p[i * km_page_size()] != i + 1)
				km_fail("page %zu is not what it was", i);
		if (madvise(p, CALLS * km_page_size(), MADV_POPULATE_WRITE) == 0)
			km_fail("pages can be written to");
		errno = 0;
		munmap(p, (CALLS + 1) * km_page_size());
	}
	return km_finish();
}
