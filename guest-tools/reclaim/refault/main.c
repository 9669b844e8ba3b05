// SPDX-License-Identifier: GPL-2.0-or-later
/* workingset_eviction() before, workingset_refault() and __filemap_add_folio() over shadow entries in the region. */
#include "../common.h"

#define PAGES 2048

/* Through a mapping of them: MADV_PAGEOUT takes pages that one process has mapped. */
static void evict(int disk, size_t size)
{
	void *p = map_disk(disk, PAGES);
	size_t left;

	km_check(p, PAGES);
	if (madvise(p, size, MADV_PAGEOUT)) {
		if (errno == EINVAL)
			km_absent("no MADV_PAGEOUT in this kernel");
		km_fail("madvise(MADV_PAGEOUT)");
	}
	left = km_resident(p, PAGES);
	if (left)
		km_fail("%zu pages are in the page cache still", left);
	munmap(p, size);
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;
	unsigned char *page = km_anonymous(page_size);
	int disk;

	km_start(argc, argv);
	*page = 1;
	fill_disk(PAGES);
	disk = open_disk(false);
	while (km_pass()) {
		long long refaults = km_count("workingset_refault_file");
		size_t wrong;

		evict(disk, size);
		km_begin();
		wrong = read_disk(disk, PAGES, page, page_size);
		km_end(PAGES);
		if (wrong)
			km_fail("%zu pages came back wrong", wrong);
		km_check_count("workingset_refault_file", refaults, PAGES);
		drop_disk_cache(disk);
	}
	return km_finish();
}
