// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes to private hugetlb pages that parent and child have in common: hugetlb_wp(). */
#include "../common.h"

#define PAGES 32
#define OLD 0xfe	/* no value() is that */

static size_t huge;

static bool all_old(const unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i += huge)
		if (p[i] != OLD || p[i + huge - 1] != OLD)
			return false;
	return true;
}

/* The last byte of a page is not written: it has been copied. */
static void check_copied(const unsigned char *p, size_t size)
{
	check_written(p, size, huge);
	for (size_t i = 0; i < size; i += huge)
		if (p[i + huge - 1] != OLD)
			km_fail("page %zu was not copied whole", i / huge);
}

int main(int argc, char **argv)
{
	size_t size;

	km_start(argc, argv);
	huge = hugetlb_pool(2 * PAGES);
	size = PAGES * huge;
	while (km_pass()) {
		unsigned char *p = map_apart(size, huge, ANONYMOUS | MAP_HUGETLB, -1);
		struct child child;

		for (size_t i = 0; i < size; i += huge)
			p[i] = p[i + huge - 1] = OLD;
		child = start_child(all_old, p, size);
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			p[i * huge] = value(i);
		km_end(PAGES);
		if (number_in("/proc/meminfo", "HugePages_Free"))
			km_fail("%ld huge pages are free still", number_in("/proc/meminfo", "HugePages_Free"));
		check_copied(p, size);
		end_child(child);
		km_wipe(p, size, huge);
		km_wipe(p + huge - 1, size, huge);
		unmap_apart(p, size);
	}
	return km_finish();
}
