// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Punches holes into a mapped file in memory: madvise_remove(), shmem_fallocate(), unmap_mapping_range(),
 * shmem_undo_range().
 */
#include "../madvised.h"

#define PAGES 4096

int main(int argc, char **argv)
{
	size_t size;
	char *p;

	start(argc, argv);
	size = PAGES * page_size;
	p = arena(size);
	while (km_pass()) {
		int fd = file_with_numbers(PAGES), errors;
		struct stat file;

		map_or_fail(p, size, RW, MAP_SHARED | MAP_FIXED, fd);
		no_huge_pages(p, size);
		check_numbers(p, PAGES);
		km_begin();
		errors = advise_ranges(p, PAGES, MADV_REMOVE);
		km_end(PAGES);
		if (errors)
			km_fail("%d calls failed", errors);
		expect_pages(p, PAGES, PRESENT, 0);
		if (fstat(fd, &file) || file.st_blocks || file.st_size != (off_t)size)
			km_fail("%ld blocks of the file are left", (long)file.st_blocks);
		check_zeros(p, 1);
		check_zeros(p + size - page_size, 1);
		close_area(p, size);
		close(fd);
	}
	return km_finish();
}
