// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes to anonymous pages that are write-protected since fork(), with the child gone: wp_page_reuse(). */
#include <sys/resource.h>

#include "../common.h"

#define PAGES 4096
#define OLD 0xfe	/* no value() is that */

static size_t page_size;

static bool all_old(const unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i += page_size)
		if (p[i] != OLD)
			return false;
	return true;
}

static void fill(unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i += page_size)
		p[i] = OLD;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

int main(int argc, char **argv)
{
	size_t size;

	page_size = sysconf(_SC_PAGESIZE);
	size = PAGES * page_size;
	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_anonymous(size);
		uint64_t before;
		long taken;

		fill(p, size);
		end_child(start_child(all_old, p, size));
		before = places(p, PAGES);
		km_begin();
		taken = faults();	/* nothing else shows that the pages were write-protected: twice in 4,096 faults */
		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = value(i);
		taken = faults() - taken;
		km_end(PAGES);
		if (taken < PAGES)
			km_fail("%ld faults for %d pages", taken, PAGES);
		if (places(p, PAGES) != before)
			km_fail("pages were copied");
		check_written(p, size, page_size);
		km_wipe(p, size, page_size);
		unmap_apart(p, size);
	}
	return km_finish();
}
