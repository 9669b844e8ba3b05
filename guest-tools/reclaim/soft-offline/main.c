// SPDX-License-Identifier: GPL-2.0-or-later
/* soft_offline_page() and page_handle_poison(): a page is migrated, and where it was is used no more. */
#include "../common.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif
#define PAGES 256

/* How many of them are where they were. */
static size_t count_same(const uint64_t *before, const uint64_t *after)
{
	size_t same = 0;

	for (size_t i = 0; i < PAGES; i++) {
		if (!(after[i] & KM_PRESENT))
			km_fail("page %zu is not there", i);
		same += (before[i] & KM_PFN) == (after[i] & KM_PFN);
	}
	return same;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;
	uint64_t before[PAGES], after[PAGES];

	km_start(argc, argv);
	if (madvise(NULL, 0, MADV_SOFT_OFFLINE) && errno == EINVAL)
		km_absent("no MADV_SOFT_OFFLINE in this kernel");
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		size_t failed = 0, same;

		fill(p, PAGES);
		if (!km_pagemap(p, PAGES, before))
			km_absent("no /proc/self/pagemap in this kernel");
		errno = 0;
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			failed += !!madvise(p + i * page_size, page_size, MADV_SOFT_OFFLINE);
		km_end(PAGES);
		if (failed)
			km_fail("%zu pages could not be taken out of use", failed);
		km_pagemap(p, PAGES, after);
		same = count_same(before, after);
		if (same)
			km_fail("%zu pages are where they were", same);
		check_filled(p, PAGES);
		munmap(p, size);
	}
	return km_finish();
}
