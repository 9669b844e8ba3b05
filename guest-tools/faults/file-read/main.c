// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads of pages that are in the page cache, through a fresh mapping: do_fault_around(), filemap_map_pages(). */
#include "../common.h"

#define PAGES 8192

int main(int argc, char **argv)
{
	size_t page_size = sysconf(_SC_PAGESIZE), size = PAGES * page_size;
	unsigned long expected = 0;
	int fd;

	km_start(argc, argv);
	fd = filled_memfd(size, page_size);
	for (size_t i = 0; i < PAGES; i++)
		expected += value(i);
	while (km_pass()) {
		unsigned char *p = map_apart(size, ALIGN, MAP_SHARED, fd);
		unsigned long sum = 0;

		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			sum += ((volatile unsigned char *)p)[i * page_size];
		km_end(PAGES);
		if (sum != expected)
			km_fail("what was read adds up to %lu, not %lu", sum, expected);
		check_present(p, PAGES, PAGES);
		unmap_apart(p, size);
	}
	close(fd);
	return km_finish();
}
