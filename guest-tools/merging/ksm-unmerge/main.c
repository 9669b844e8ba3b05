// SPDX-License-Identifier: GPL-2.0-or-later
/* Merged pages are taken apart without being written to: ksm_madvise(), unmerge_ksm_pages(), break_ksm(). */
#define PAGES 2048
#include "../common.h"

int main(int argc, char **argv)
{
	km_start(argc, argv);
	merging_set_up();
	while (km_pass()) {
		unsigned char *p = mergeable();

		merge();
		check_merged();
		km_write(KSM "run", "0");
		km_begin();
		if (madvise(p, size, MADV_UNMERGEABLE))
			km_fail("madvise(MADV_UNMERGEABLE)");
		km_end(PAGES);
		check_contents(p, false);
		check_own(p);
		forget(p);
	}
	return km_finish();
}
