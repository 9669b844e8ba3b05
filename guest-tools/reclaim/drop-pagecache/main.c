// SPDX-License-Identifier: GPL-2.0-or-later
/* drop_pagecache_sb(), invalidate_mapping_pages() and find_lock_entries(): clean pages of a block device. */
#include "../common.h"

#define DROP "/proc/sys/vm/drop_caches"
#define PAGES 3072

int main(int argc, char **argv)
{
	size_t page_size = page_bytes();
	unsigned char *page = anonymous(page_size), *seen;
	int disk, trigger;

	km_start(argc, argv);
	trigger = open(DROP, O_WRONLY);
	if (trigger < 0)
		km_absent("no " DROP " in this kernel");
	fill_disk(PAGES);
	disk = open_disk(true);
	seen = mmap(NULL, PAGES * page_size, PROT_READ, MAP_SHARED, disk, 0);
	if (seen == MAP_FAILED)
		km_fail("mmap of " RAM_DISK);
	km_write(DROP, "1");	/* whatever else can be dropped goes before the first pass */
	while (km_pass()) {
		ssize_t written;
		size_t left;

		if (read_disk(disk, PAGES, page, page_size) || count_resident(seen, PAGES) != PAGES)
			km_fail(RAM_DISK " is not in the page cache as it was written");
		km_begin();
		written = pwrite(trigger, "1", 1, 0);
		km_end(PAGES);
		if (written != 1)
			km_fail(DROP);
		left = count_resident(seen, PAGES);
		if (left)
			km_fail("%zu pages are in the page cache still", left);
	}
	return km_finish();
}
