// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ksmd merges equal pages: scan_get_next_rmap_item(), calc_checksum(), stable_tree_search(),
 * try_to_merge_with_ksm_page().
 */
#define PAGES 1024
#include "../common.h"

int main(int argc, char **argv)
{
	merging_set_up(argc, argv);
	while (km_pass()) {
		unsigned char *p = mergeable();
		long scans = km_read(KSM "full_scans");

		km_begin();
		merge();
		km_end(PAGES);
		if (km_read(KSM "full_scans") != scans + 2)
			km_fail("ksmd has scanned %ld times, not twice", km_read(KSM "full_scans") - scans);
		check_merged();
		km_check_alike(p, PAGES, DIFFERENT, 0);
		forget(p);
	}
	return km_finish();
}
