// SPDX-License-Identifier: GPL-2.0-or-later
/* drop_pagecache_sb(), invalidate_mapping_pages() and find_lock_entries(): clean pages of a block device. */
#include "../common.h"

#define DROP "/proc/sys/vm/drop_caches"
#define PAGES 3072

int main(int argc, char **argv)
{
	void *page = km_anonymous(km_page_size()), *seen;
	int disk, trigger;

	km_start(argc, argv);
	trigger = open_or_absent(DROP, O_WRONLY);
	fill_disk(PAGES);
	disk = open_disk(true);
	seen = map_disk(disk, PAGES);
	km_write(DROP, "1");	/* whatever else can be dropped goes before the first pass */
	while (km_pass()) {
		ssize_t written;
		size_t left;

		check_disk(disk, PAGES, page);
		if (km_resident(seen, PAGES) != PAGES)
			km_fail(RAM_DISK " is not in the page cache");
		km_begin();
		written = pwrite(trigger, "1", 1, 0);
		km_end(PAGES);
		if (written != 1)
			km_fail(DROP);
		left = km_resident(seen, PAGES);
		if (left)
			km_fail("%zu pages are in the page cache still", left);
	}
	return km_finish();
}
