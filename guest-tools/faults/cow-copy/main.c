// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes to anonymous pages that parent and child have in common: do_wp_page(), wp_page_copy(). */
#include "../common.h"

#define PAGES 3072
#define OLD 0xfe	/* no value() is that */

static size_t page_size;

static bool all_old(const unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i += page_size)
		if (p[i] != OLD || p[i + page_size - 1] != OLD)
			return false;
	return true;
}

/* The last byte of a page is not written: it has been copied. */
static void check_copied(const unsigned char *p, size_t size)
{
	check_written(p, size, page_size);
	for (size_t i = 0; i < size; i += page_size)
		if (p[i + page_size - 1] != OLD)
			km_fail("page %zu was not copied whole", i / page_size);
}

static void fill(unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i += page_size)
		p[i] = p[i + page_size - 1] = OLD;
}

int main(int argc, char **argv)
{
	size_t size;

	page_size = sysconf(_SC_PAGESIZE);
	size = PAGES * page_size;
	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_anonymous(size);
		struct child child;
		uint64_t before;

		fill(p, size);
		child = start_child(all_old, p, size);
		before = places(p, PAGES);
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = value(i);
		km_end(PAGES);
		if (before && places(p, PAGES) == before)
			km_fail("the parent has the pages that it had");
		check_copied(p, size);
		end_child(child);
		km_wipe(p, size, page_size);
		km_wipe(p + page_size - 1, size, page_size);
		unmap_apart(p, size);
	}
	return km_finish();
}
