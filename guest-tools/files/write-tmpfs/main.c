// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes a new file of tmpfs: generic_perform_write(), shmem_write_begin(), shmem_alloc_folio() and
 * shmem_add_to_page_cache(), shmem_write_end(), folio_add_lru().
 */
#include "../common.h"

#define PAGES 3072

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;
	unsigned char *p;

	km_start(argc, argv);
	p = buffer(size);
	fill(p, size, 0, 2);
	while (km_pass()) {
		int fd = km_memfd(0);
		size_t done = 0;
		struct stat status;

		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			done += write(fd, p + i * page_size, page_size);
		km_end(PAGES);
		if (done != size || fstat(fd, &status) || (size_t)status.st_blocks * 512 != size)
			km_fail("not all was written");
		check_file(fd, size, 2);
		close(fd);
	}
	return km_finish();
}
