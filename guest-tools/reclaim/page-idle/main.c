// SPDX-License-Identifier: GPL-2.0-or-later
/* page_idle_clear_pte_refs() and rmap_walk(): a page is marked idle, a bit of the bitmap with each call. */
#include "../common.h"

#define BITMAP "/sys/kernel/mm/page_idle/bitmap"
#define PAGES 2048

/* How many are idle: not touched since they were marked. */
static size_t count_idle(int bitmap, const uint64_t *frames)
{
	size_t count = 0;

	for (size_t i = 0; i < PAGES; i++) {
		uint64_t word;

		if (pread(bitmap, &word, sizeof(word), frames[i] / 64 * 8) != sizeof(word))
			km_fail(BITMAP);
		count += word >> frames[i] % 64 & 1;
	}
	return count;
}

static void read_frames(const unsigned char *p, uint64_t *frames)
{
	if (!km_pagemap(p, PAGES, frames))
		km_absent("no /proc/self/pagemap in this kernel");
	for (size_t i = 0; i < PAGES; i++) {
		frames[i] &= KM_PFN;
		if (!frames[i])
			km_fail("page %zu is nowhere", i);
	}
}

int main(int argc, char **argv)
{
	size_t size = PAGES * km_page_size();
	uint64_t *frames = calloc(PAGES, sizeof(*frames));
	int bitmap;

	km_start(argc, argv);
	bitmap = open_or_absent(BITMAP, O_RDWR);
	if (!frames)
		km_fail("memory");
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		size_t failed = 0, idle;

		km_fill(p, PAGES);
		drain_lru();	/* only what is there can be idle */
		read_frames(p, frames);
		idle = count_idle(bitmap, frames);
		if (idle)
			km_fail("%zu pages are idle before they are marked", idle);
		km_begin();
		for (size_t i = 0; i < PAGES; i++) {
			uint64_t word = 1ull << frames[i] % 64;

			failed += pwrite(bitmap, &word, sizeof(word), frames[i] / 64 * 8) != sizeof(word);
		}
		km_end(PAGES);
		if (failed)
			km_fail("%zu pages could not be marked", failed);
		idle = count_idle(bitmap, frames);
		if (idle != PAGES)
			km_fail("%zu pages of %d are idle", idle, PAGES);
		munmap(p, size);
	}
	return km_finish();
}
