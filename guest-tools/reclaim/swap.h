/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workloads that differ in where pages are swapped to, and in who else has them. */
#ifndef RECLAIM_SWAP_H
#define RECLAIM_SWAP_H

#include "common.h"

/* All pages are swapped out, and come back in the region: one by one by faults, with so much readahead. */
static inline int measure_swap_in(int argc, char **argv, const char *page_cluster, bool shared)
{
	size_t pages = 2048, page_size = km_page_size(), size = pages * page_size;

	km_start(argc, argv);
	km_keep("/proc/sys/vm/page-cluster");
	km_write("/proc/sys/vm/page-cluster", "%s", page_cluster);
	swap_to_disk();
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		pid_t other = 0;
		size_t wrong;

		fill(p, pages);
		page_out(p, pages);
		if (shared)
			other = km_other(NULL, NULL);
		km_begin();
		wrong = touch_filled(p, pages, page_size);
		km_end(pages);
		if (shared)
			km_end_other(other);
		if (wrong)
			km_fail("%zu pages came back wrong", wrong);
		km_check_pages(p, pages, KM_PRESENT, pages);
		check_filled(p, pages);
		munmap(p, size);
	}
	return km_finish();
}

/* A cgroup's pages are swapped out and come back, both in the region: so many events of each kind come of it. */
static inline int measure_cgroup_swap(int argc, char **argv, void (*set_up)(void), const char *out, const char *in)
{
	size_t pages = 512, page_size = km_page_size(), size = pages * page_size;
	size_t swapped = 500;	/* asked for: the last ones would have to be looked for */
	int trigger;

	km_start(argc, argv);
	trigger = cgroup_with_reclaim();
	set_up();
	while (km_pass()) {
		long long before_out = km_count(out), before_in = km_count(in);
		unsigned char *p = km_anonymous(size);
		size_t wrong;

		cgroup_enter();
		fill(p, pages);
		cgroup_leave();
		if (madvise(p, size, MADV_COLD))	/* what was not touched since is taken at the first look */
			km_fail("madvise(MADV_COLD)");
		km_begin();
		reclaim(trigger, swapped * page_size);
		wrong = touch_filled(p, pages, page_size);
		km_end(swapped);
		if (wrong)
			km_fail("%zu pages came back wrong", wrong);
		check_filled(p, pages);
		km_check_count(out, before_out, swapped - 64);	/* some are slabs of the cgroup */
		km_check_count(in, before_in, swapped - 64);
		munmap(p, size);
	}
	return km_finish();
}

#endif
