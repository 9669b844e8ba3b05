// SPDX-License-Identifier: GPL-2.0-or-later
/* shrink_inactive_list() and __remove_mapping(): clean pages of a block device's cache that a cgroup has read once. */
#include "../common.h"

#define PAGES 4096	/* in the page cache */
#define RECLAIMED 3072

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();
	void *page = km_anonymous(page_size), *seen;
	int disk, trigger;

	km_start(argc, argv);
	trigger = cgroup_with_reclaim();
	fill_disk(PAGES);
	disk = open_disk(true);
	seen = map_disk(disk, PAGES);
	while (km_pass()) {
		size_t before, gone;

		drop_disk_cache(disk);
		cgroup_enter();
		check_disk(disk, PAGES, page);
		cgroup_leave();
		before = km_resident(seen, PAGES);
		if (before != PAGES)
			km_fail("only %zu pages are in the page cache", before);
		km_begin();
		reclaim(trigger, RECLAIMED * page_size);
		km_end(RECLAIMED);
		gone = before - km_resident(seen, PAGES);
		if (gone < RECLAIMED - 64 || gone > PAGES)	/* some pages are of its own slabs */
			km_fail("%zu pages have gone, and not %d", gone, RECLAIMED);
		check_disk(disk, PAGES, page);
	}
	return km_finish();
}
