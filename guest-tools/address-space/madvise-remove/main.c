// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Punches holes into a mapped file in memory: madvise_remove(), shmem_fallocate(), unmap_mapping_range(),
 * shmem_undo_range().
 */
#include "../madvised.h"

#define PAGES 4096

int main(int argc, char **argv)
{
	size_t size = PAGES * start(argc, argv);
	char *p = arena(size);

	while (km_pass()) {
		int fd = file_with_numbers(PAGES);
		struct stat file;

		map_file(p, size, fd);
		check_numbers(p, PAGES);
		measure_advice(p, PAGES, MADV_REMOVE);
		km_check_pages(p, PAGES, KM_PRESENT, 0);
		if (fstat(fd, &file) || file.st_blocks || file.st_size != (off_t)size)
			km_fail("%ld blocks of the file are left", (long)file.st_blocks);
		check_zeros(p, 1);
		check_zeros(p + size - page_size, 1);
		close_area(p, size);
		close(fd);
	}
	return km_finish();
}
