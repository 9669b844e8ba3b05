// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Anonymous pages that ksmd has merged are taken apart again (claim C7): one half by writing to it, which is an
 * ordinary copy on write, the other by MADV_UNMERGEABLE, where break_ksm() faults for the process without leave to
 * drop mmap_lock.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#include "kmatrix.h"
#include "memory.h"

#define KSM "/sys/kernel/mm/ksm/"
#define PAGES (36864 / KM_LESS)	/* enough that a microsecond of the kernel's own work is below 20 ppm */
#define DIFFERENT 200	/* contents; below 256 pages (max_page_sharing) have one in common */
#define PATIENCE 3000	/* looks at ksmd's work, 10 ms each */

static size_t page_size, size;

/* Returns when all that can be merged is; then ksmd stands still. */
static void merge(unsigned char *p)
{
	struct timespec nap = { 0, 10 * 1000 * 1000 };

	if (madvise(p, size, MADV_MERGEABLE))
		km_fail("madvise(MADV_MERGEABLE)");
	km_write(KSM "run", "1");
	for (int i = 0; km_read(KSM "pages_sharing") != PAGES - DIFFERENT; i++) {
		if (i == PATIENCE)
			km_fail("ksmd has merged %ld pages", km_read(KSM "pages_sharing"));
		nanosleep(&nap, NULL);
	}
	km_write(KSM "run", "0");
}

static void set_up(void)
{
	km_keep(KSM "run");
	km_keep(KSM "pages_to_scan");
	km_keep(KSM "sleep_millisecs");
	km_write(KSM "pages_to_scan", "%d", 2 * PAGES);
	km_write(KSM "sleep_millisecs", "10");
}

int main(int argc, char **argv)
{
	page_size = km_page_size();
	size = PAGES * page_size;
	km_start(argc, argv);
	set_up();
	while (km_pass()) {
		unsigned char *p = km_map(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

		km_small_pages(p, size);
		km_fill_alike(p, PAGES, DIFFERENT);
		merge(p);
		km_check_alike(p, PAGES, DIFFERENT, 0);
		km_begin();
		for (size_t i = 0; i < PAGES / 2; i++)
			p[i * page_size] = 0xff;
		if (madvise(p, size, MADV_UNMERGEABLE))
			km_fail("madvise(MADV_UNMERGEABLE)");
		km_end(PAGES);
		km_check_alike(p, PAGES, DIFFERENT, PAGES / 2);
		/*
		 * Nobody else has them mapped. Since Linux 6.2 what MADV_UNMERGEABLE takes apart is its own and yet
		 * not writable before the first write, so faults do not tell.
		 */
		km_check_pages(p, PAGES, KM_PRESENT | KM_EXCLUSIVE, PAGES);
		km_wipe(p, size, 1);
		munmap(p, size);
		km_write(KSM "run", "2");	/* ksmd forgets what it knew */
		if (km_read(KSM "pages_sharing"))
			km_fail("pages are still merged");
	}
	return km_finish();
}
