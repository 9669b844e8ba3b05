// SPDX-License-Identifier: GPL-2.0-or-later
/* workingset_eviction() before, workingset_refault() and __filemap_add_folio() over shadow entries in the region. */
#include "../common.h"

#define PAGES 2048

/* Through a mapping of them: MADV_PAGEOUT takes pages that one process has mapped. */
static void evict(int disk, size_t size)
{
	unsigned char *p = mmap(NULL, size, PROT_READ, MAP_SHARED, disk, 0);
	size_t left;

	if (p == MAP_FAILED)
		km_fail("mmap of " RAM_DISK);
	for (size_t i = 0; i < size; i += page_bytes())
		if (*(const volatile uint64_t *)(p + i) != disk_word(i / page_bytes()))
			km_fail(RAM_DISK " does not hold what was written");
	if (madvise(p, size, MADV_PAGEOUT)) {
		if (errno == EINVAL)
			km_absent("no MADV_PAGEOUT in this kernel");
		km_fail("madvise(MADV_PAGEOUT)");
	}
	left = count_resident(p, PAGES);
	if (left)
		km_fail("%zu pages are in the page cache still", left);
	munmap(p, size);
}

int main(int argc, char **argv)
{
	size_t page_size = page_bytes(), size = PAGES * page_size;
	unsigned char *page = anonymous(page_size);
	int disk;

	km_start(argc, argv);
	*page = 1;
	fill_disk(PAGES);
	disk = open_disk(false);
	while (km_pass()) {
		long long refaults = vmstat("workingset_refault_file");
		size_t wrong;

		evict(disk, size);
		km_begin();
		wrong = read_disk(disk, PAGES, page, page_size);
		km_end(PAGES);
		if (wrong)
			km_fail("%zu pages came back wrong", wrong);
		check_events("workingset_refault_file", refaults, PAGES);
		drop_disk_cache(disk);
	}
	return km_finish();
}
