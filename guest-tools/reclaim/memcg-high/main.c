// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mem_cgroup_handle_over_high(): a process above memory.high reclaims, and sleeps. Before that shrink_active_list(): the
 * pages that are reclaimed were read twice.
 */
#include "../files.h"

#define PAGES 576
#define FILE_PAGES 1024
#define HIGH_PAGES 512

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();
	unsigned char *p, *page;
	int disk, trigger;

	km_start(argc, argv);
	trigger = cgroup_with_reclaim();
	fill_disk(FILE_PAGES);
	disk = open_disk(false);
	p = km_anonymous(PAGES * page_size);
	page = km_anonymous(page_size);
	while (km_pass()) {
		size_t wrong = 0;
		long long high = km_number_in(CGROUP "/memory.events", "high");

		if (high < 0)
			km_fail("memory.events");
		drop_disk_cache(disk);
		cgroup_enter();
		km_begin();
		for (int i = 0; i < 2; i++)
			wrong += read_disk(disk, FILE_PAGES, page, page_size);
		reclaim(trigger, FILE_PAGES / 2 * page_size);
		km_put_number(CGROUP "/memory.high", HIGH_PAGES * page_size);
		touch(p, PAGES, page_size);
		km_end(1);
		cgroup_leave();
		km_write(CGROUP "/memory.high", "max");
		if (wrong)
			km_fail("%zu pages were read wrong", wrong);
		if (km_number_in(CGROUP "/memory.events", "high") <= high)
			km_fail("nothing was above memory.high");
		madvise(p, PAGES * page_size, MADV_DONTNEED);
	}
	return km_finish();
}
