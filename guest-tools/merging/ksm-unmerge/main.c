// SPDX-License-Identifier: GPL-2.0-or-later
/* Merged pages are taken apart without being written to: ksm_madvise(), unmerge_ksm_pages(), break_ksm(). */
#define PAGES 2048
#include "../common.h"

int main(int argc, char **argv)
{
	merging_set_up(argc, argv);
	while (km_pass()) {
		unsigned char *p = merged();

		km_begin();
		if (madvise(p, size, MADV_UNMERGEABLE))
			km_fail("madvise(MADV_UNMERGEABLE)");
		km_end(PAGES);
		check_taken_apart(p, false);
	}
	return km_finish();
}
