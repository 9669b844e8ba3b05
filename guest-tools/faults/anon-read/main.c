// SPDX-License-Identifier: GPL-2.0-or-later
/* First reads of anonymous pages: do_anonymous_page() maps the zero page. Page tables are there. */
#include "../common.h"

#define PAGES 4096

static size_t read_rest(const volatile unsigned char *p, size_t size, size_t page_size, unsigned long *sum)
{
	size_t pages = 0;

	for (size_t table = 0; table < size; table += TABLE)
		for (size_t i = table + page_size; i < table + TABLE; i += page_size) {
			*sum += p[i];
			pages++;
		}
	return pages;
}

static void read_tables(const volatile unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i += TABLE)
		(void)p[i];
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size, units;

	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_anonymous(size);
		unsigned long sum = 0;

		read_tables(p, size);
		km_check_pages(p, 1, KM_PRESENT, 1);
		km_begin();
		units = read_rest(p, size, page_size, &sum);
		km_end(units);
		if (sum)
			km_fail("fresh pages are not zero");
		km_check_pages(p, PAGES, KM_PRESENT, PAGES);
		km_check_smaps(p, size, "Rss", 0);	/* the zero page is not counted */
		unmap_apart(p, size);
	}
	return km_finish();
}
