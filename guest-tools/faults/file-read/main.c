// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads of pages that are in the page cache, through a fresh mapping: do_fault_around(), filemap_map_pages(). */
#include "../common.h"

#define PAGES 8192

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;
	int fd;

	km_start(argc, argv);
	fd = filled_memfd(size, page_size);
	while (km_pass())
		read_file(fd, PAGES, 0, page_size);
	close(fd);
	return km_finish();
}
