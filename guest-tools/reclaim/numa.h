/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls of <numaif.h>, which the guest's C library does not have. */
#ifndef RECLAIM_NUMA_H
#define RECLAIM_NUMA_H

#include "common.h"

#define MPOL_BIND 2
#define MPOL_INTERLEAVE 3
#define MPOL_MF_STRICT 1
#define MPOL_MF_MOVE 2
#define NODES (8 * sizeof(unsigned long))	/* bits of a mask */

static inline long set_policy_of(void *p, size_t size, int mode, unsigned long nodes, unsigned int flags)
{
	return syscall(SYS_mbind, p, size, mode, &nodes, NODES + 1, flags);
}

static inline void bind_memory(void *p, size_t size, int mode, unsigned long nodes)
{
	if (set_policy_of(p, size, mode, nodes, 0)) {
		if (errno == ENOSYS)
			km_absent("no mbind() in this kernel");
		km_fail("mbind");
	}
}

/* Without nodes it asks where pages are, and moves none. */
static inline long move(size_t count, void **pages, const int *nodes, int *status)
{
	return syscall(SYS_move_pages, 0, count, pages, nodes, status, nodes ? MPOL_MF_MOVE : 0);
}

static inline void need_two_nodes(void)
{
	if (access("/sys/devices/system/node/node1", F_OK))
		km_absent("this machine has one node");
	errno = 0;
}

/* The addresses of all pages, for move(). */
static inline void **addresses(unsigned char *p, size_t pages)
{
	void **all = malloc(pages * sizeof(*all));

	if (!all)
		km_fail("memory");
	for (size_t i = 0; i < pages; i++)
		all[i] = p + i * km_page_size();
	return all;
}

/* How many pages are on the node. */
static inline size_t count_on(unsigned char *p, size_t pages, int node)
{
	void **all = addresses(p, pages);
	int *status = malloc(pages * sizeof(*status));
	size_t count = 0;

	if (!status || move(pages, all, NULL, status))
		km_fail("move_pages");
	for (size_t i = 0; i < pages; i++)
		count += status[i] == node;
	free(all);
	free(status);
	return count;
}

#endif
