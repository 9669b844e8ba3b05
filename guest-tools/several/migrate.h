/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moves pages one by one to the other node: try_to_migrate() and its flush. */
#include "common.h"

static unsigned char *p;
static int to = 1;	/* the node; this CPU is on the other one */

static long migrate(size_t i)
{
	void *page = p + i * km_page_size();
	int status = -1;

	return syscall(SYS_move_pages, 0, 1, &page, &to, &status, 2) || status != to;	/* MPOL_MF_MOVE */
}

static int measure_migrate(int argc, char **argv, enum peer peer)
{
	set_up(argc, argv, peer);
	if (access("/sys/devices/system/node/node1", F_OK))
		km_absent("this machine has one node");
	errno = 0;
	while (km_pass()) {
		p = pages_of(CALLS);
		measure(peer, migrate);
		for (size_t i = 0; i < CALLS; i++)
			if (p[i * km_page_size()] != i + 1)
				km_fail("page %zu is not what it was", i);
		munmap(p, CALLS * km_page_size());
	}
	return km_finish();
}
