// SPDX-License-Identifier: GPL-2.0-or-later
/* shrink_inactive_list() and __remove_mapping(): clean pages of a block device's cache that a cgroup has read once. */
#include "../common.h"

#define PAGES 4096	/* in the page cache */
#define RECLAIMED 3072

int main(int argc, char **argv)
{
	size_t page_size = page_bytes();
	unsigned char *page = anonymous(page_size), *seen;
	int disk, trigger;

	km_start(argc, argv);
	cgroup_mount();
	cgroup_enter();
	cgroup_leave();
	trigger = open_reclaim();
	fill_disk(PAGES);
	disk = open_disk(true);
	seen = mmap(NULL, PAGES * page_size, PROT_READ, MAP_SHARED, disk, 0);
	if (seen == MAP_FAILED)
		km_fail("mmap of " RAM_DISK);
	while (km_pass()) {
		size_t before, gone;

		drop_disk_cache(disk);
		cgroup_enter();
		if (read_disk(disk, PAGES, page, page_size))
			km_fail(RAM_DISK " does not hold what was written");
		cgroup_leave();
		before = count_resident(seen, PAGES);
		if (before != PAGES)
			km_fail("only %zu pages are in the page cache", before);
		km_begin();
		reclaim(trigger, RECLAIMED * page_size);
		km_end(RECLAIMED);
		gone = before - count_resident(seen, PAGES);
		if (gone < RECLAIMED - 64 || gone > PAGES)	/* some pages are of its own slabs */
			km_fail("%zu pages have gone, and not %d", gone, RECLAIMED);
		if (read_disk(disk, PAGES, page, page_size))
			km_fail(RAM_DISK " does not hold what was written");
	}
	return km_finish();
}
