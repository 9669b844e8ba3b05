// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to transparent huge pages: do_huge_pmd_anonymous_page(). */
#include "../common.h"

#define PAGES 24

int main(int argc, char **argv)
{
	size_t huge = thp_size(), size = PAGES * huge;

	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_apart(size, huge, ANONYMOUS, -1);

		if (madvise(p, size, MADV_HUGEPAGE))
			km_fail("madvise(MADV_HUGEPAGE)");
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			p[i * huge] = value(i);
		km_end(PAGES);
		check_smaps(p, size, "AnonHugePages", size);
		check_written(p, size, huge);
		km_wipe(p, size, huge);
		unmap_apart(p, size);
	}
	return km_finish();
}
