// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to shared shmem, as shmem-write has them, but few: shmem_fault(), shmem_get_folio_gfp(). */
#include "../common.h"

#define PAGES 4096

/* Through another mapping: what was written must be in the file, not only in the page tables. */
static void check_file(int fd, size_t size, size_t page_size)
{
	unsigned char *seen = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (seen == MAP_FAILED)
		km_fail("mmap to read");
	check_written(seen, size, page_size);
	munmap(seen, size);
}

int main(int argc, char **argv)
{
	size_t page_size = sysconf(_SC_PAGESIZE), size = PAGES * page_size;

	km_start(argc, argv);
	while (km_pass()) {
		int fd = memfd_create("shmem-write-small", 0);
		unsigned char *p;

		if (fd < 0 || ftruncate(fd, size))
			km_fail("memfd of %zu bytes", size);
		p = map_apart(size, ALIGN, MAP_SHARED, fd);
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = value(i);
		km_end(PAGES);
		check_present(p, PAGES, PAGES);
		check_file(fd, size, page_size);
		km_wipe(p, size, page_size);
		unmap_apart(p, size);
		close(fd);
	}
	return km_finish();
}
