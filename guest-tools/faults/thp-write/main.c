// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to transparent huge pages: do_huge_pmd_anonymous_page(). */
#include "../common.h"

#define PAGES 24

int main(int argc, char **argv)
{
	size_t huge = km_thp_size(), size = PAGES * huge;

	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_apart(size, huge, ANONYMOUS, -1);

		if (madvise(p, size, MADV_HUGEPAGE))
			km_fail("madvise(MADV_HUGEPAGE)");
		write_each(p, PAGES, huge);
		km_check_smaps(p, size, "AnonHugePages", size);
		check_and_unmap(p, size, huge);
	}
	return km_finish();
}
