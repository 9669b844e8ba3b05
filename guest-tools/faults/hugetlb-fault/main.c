// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to hugetlb pages: hugetlb_fault(), hugetlb_no_page(); shared ones go to the page cache. */
#include "../common.h"

#define PAGES 48

int main(int argc, char **argv)
{
	size_t huge, half;

	km_start(argc, argv);
	huge = km_hugetlb_pool(PAGES);
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
		check_pool(0);
		check_and_unmap(private, half, huge);
		check_and_unmap(shared, half, huge);
		check_pool(PAGES);
	}
	return km_finish();
}
