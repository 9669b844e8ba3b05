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
	size_t page_size = page_bytes();
	unsigned char *p, *page;
	int disk, trigger;

	km_start(argc, argv);
	cgroup_mount();
	cgroup_enter();
	cgroup_leave();
	trigger = open_reclaim();
	fill_disk(FILE_PAGES);
	disk = open_disk(false);
	p = anonymous(PAGES * page_size);
	page = anonymous(page_size);
	while (km_pass()) {
		size_t wrong = 0;
		long long high;

		if (read_file(CGROUP "/memory.events") <= 0)
			km_fail("memory.events");
		high = number_behind("high ");
		drop_disk_cache(disk);
		cgroup_enter();
		km_begin();
		for (int i = 0; i < 2; i++)
			wrong += read_disk(disk, FILE_PAGES, page, page_size);
		reclaim(trigger, FILE_PAGES / 2 * page_size);
		write_file(CGROUP "/memory.high", "%zu", HIGH_PAGES * page_size);
		touch(p, PAGES, page_size);
		km_end(1);
		cgroup_leave();
		km_write(CGROUP "/memory.high", "max");
		if (wrong)
			km_fail("%zu pages were read wrong", wrong);
		if (read_file(CGROUP "/memory.events") <= 0 || number_behind("high ") <= high)
			km_fail("nothing was above memory.high");
		madvise(p, PAGES * page_size, MADV_DONTNEED);
	}
	return km_finish();
}
