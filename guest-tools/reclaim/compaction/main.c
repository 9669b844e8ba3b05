// SPDX-License-Identifier: GPL-2.0-or-later
/* compact_zone(), isolate_migratepages_block(), isolate_freepages() and migrate_pages(), by compact_memory.
 *
 * It moves pages up, into blocks that are free in part. So half of what is free is taken, which reaches down far enough
 * wherever that is; of its lowest pages every other one stays, and of the others a few in each block.
 */
#include <sys/sysinfo.h>

#include "../common.h"

#define COMPACT "/proc/sys/vm/compact_memory"
#define LOWEST (4096 / KM_LESS)	/* pages of which every other one stays */
#define SPARSE 64	/* of the others one in so many: a block that is free as a whole is not moved to */
#define NUMBER 24	/* bits of a page's number */

static size_t half_of_what_is_free(void)
{
	struct sysinfo info;
	size_t pages;

	if (sysinfo(&info))
		km_fail("sysinfo()");
	pages = info.freeram * info.mem_unit / km_page_size() / 2 / KM_LESS;
	if (pages < 4 * LOWEST)
		km_fail("%zu pages are free, which is too little", 2 * pages);
	return pages;
}

static int by_frame(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return (a > b) - (a < b);
}

/* Which pages stay, by where they are in memory. order: room for as many numbers. */
static void choose(const unsigned char *p, size_t pages, uint64_t *order, bool *stays)
{
	if (!km_pagemap(p, pages, order))
		km_absent("/proc/self/pagemap");
	for (size_t i = 0; i < pages; i++)
		order[i] = (order[i] & KM_PFN) << NUMBER | i;
	qsort(order, pages, sizeof(*order), by_frame);
	for (size_t rank = 0; rank < pages; rank++)
		stays[order[rank] & (((uint64_t)1 << NUMBER) - 1)] = rank % (rank < LOWEST ? 2 : SPARSE) == 0;
}

static void drop_others(unsigned char *p, size_t pages, const bool *stays)
{
	size_t page_size = km_page_size(), end;

	for (size_t i = 0; i < pages; i = end + 1) {
		for (end = i; end < pages && !stays[end]; end++)
			;
		if (end > i && madvise(p + i * page_size, (end - i) * page_size, MADV_DONTNEED))
			km_fail("madvise(MADV_DONTNEED)");
	}
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), pages;
	uint64_t *order;
	bool *stays;
	int trigger;

	km_start(argc, argv);
	trigger = open_or_absent(COMPACT, O_WRONLY);
	pages = half_of_what_is_free();
	order = km_anonymous(pages * sizeof(*order));
	stays = km_anonymous(pages * sizeof(*stays));
	while (km_pass()) {
		unsigned char *p = km_anonymous(pages * page_size);
		long long migrated = km_count("pgmigrate_success");
		ssize_t written;
		size_t wrong = 0;

		km_fill(p, pages);
		choose(p, pages, order, stays);
		drop_others(p, pages, stays);
		km_begin();
		written = pwrite(trigger, "1", 1, 0);
		km_end(LOWEST / 2);
		if (written != 1)
			km_fail(COMPACT);
		if (KM_LESS == 1)	/* with less it may be that nothing has to be moved */
			km_check_count("pgmigrate_success", migrated, LOWEST / 4);
		for (size_t i = 0; i < pages; i++)
			if (stays[i])
				wrong += *(const uint64_t *)(p + i * page_size) != km_word(i);
		if (wrong)
			km_fail("%zu pages do not hold what was written", wrong);
		munmap(p, pages * page_size);
	}
	return km_finish();
}
