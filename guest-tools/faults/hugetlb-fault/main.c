// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to hugetlb pages: hugetlb_fault(), hugetlb_no_page(); shared ones go to the page cache. */
#include "../common.h"

#define PAGES 48

int main(int argc, char **argv)
{
	size_t huge, half;

	km_start(argc, argv);
	huge = hugetlb_pool(PAGES);
	half = PAGES / 2 * huge;
	while (km_pass()) {
		unsigned char *private = map_apart(half, huge, ANONYMOUS | MAP_HUGETLB, -1);
		unsigned char *shared = map_apart(half, huge, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1);

		km_begin();
		for (size_t i = 0; i < PAGES / 2; i++)
			private[i * huge] = value(i);
		for (size_t i = 0; i < PAGES / 2; i++)
			shared[i * huge] = value(i);
		km_end(PAGES);
		if (number_in("/proc/meminfo", "HugePages_Free"))
			km_fail("%ld huge pages are free still", number_in("/proc/meminfo", "HugePages_Free"));
		check_written(private, half, huge);
		check_written(shared, half, huge);
		km_wipe(private, half, huge);
		km_wipe(shared, half, huge);
		unmap_apart(private, half);
		unmap_apart(shared, half);
		if (number_in("/proc/meminfo", "HugePages_Free") != PAGES)
			km_fail("%ld huge pages came back", number_in("/proc/meminfo", "HugePages_Free"));
	}
	return km_finish();
}
