// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to shared shmem, as shmem-write has them, but few: shmem_fault(), shmem_get_folio_gfp(). */
#include "../common.h"

#define PAGES 4096

/* Through another mapping: what was written must be in the file, not only in the page tables. */
static void check_file(int fd, size_t size, size_t page_size)
{
	unsigned char *seen = km_map(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd);

	check_written(seen, size, page_size);
	munmap(seen, size);
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;

	km_start(argc, argv);
	while (km_pass()) {
		int fd = memfd_create("shmem-write-small", 0);
		unsigned char *p;

		if (fd < 0 || ftruncate(fd, size))
			km_fail("memfd of %zu bytes", size);
		p = map_apart(size, KM_TABLE, MAP_SHARED, fd);
		write_each(p, PAGES, page_size);
		km_check_pages(p, PAGES, KM_PRESENT, PAGES);
		check_file(fd, size, page_size);
		check_and_unmap(p, size, page_size);
		close(fd);
	}
	return km_finish();
}
