// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to anonymous pages: do_anonymous_page(). Page tables are there. */
#include "../common.h"

#define PAGES 4096

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size, units;

	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_anonymous(size);

		write_tables(p, size, page_size);
		km_check_smaps(p, size, "Anonymous", size / TABLE * page_size);
		km_begin();
		units = write_rest(p, size, page_size);
		km_end(units);
		km_check_smaps(p, size, "Anonymous", size);
		check_and_unmap(p, size, page_size);
	}
	return km_finish();
}
