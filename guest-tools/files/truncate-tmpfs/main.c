// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cuts a file of tmpfs to nothing: shmem_undo_range(), find_lock_entries(), truncate_inode_folio(),
 * filemap_remove_folio(), release_pages(), free_unref_page_list().
 */
#include "../common.h"

#define PAGES 12288

static void check_empty(int fd, size_t size, size_t page_size)
{
	struct stat status;
	char *p;

	if (fstat(fd, &status) || status.st_blocks || status.st_size)
		km_fail("the file has %lld blocks still", (long long)status.st_blocks);
	if (ftruncate(fd, size))
		km_fail("ftruncate");
	check_resident(fd, size, 0);
	p = km_map(NULL, size, PROT_READ, MAP_SHARED, fd);
	for (size_t i = 0; i < size; i += page_size * 512)	/* each takes a new page of zeros */
		if (*(uint64_t *)(p + i))
			km_fail("what was cut off is there still");
	munmap(p, size);
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;

	km_start(argc, argv);
	while (km_pass()) {
		int fd = km_memfd(size), failed;

		touch_file(fd, size, 7);
		check_resident(fd, size, PAGES);
		km_begin();
		failed = ftruncate(fd, 0);
		km_end(PAGES);
		if (failed)
			km_fail("ftruncate");
		check_empty(fd, size, page_size);
		close(fd);
	}
	return km_finish();
}
