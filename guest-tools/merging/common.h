/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Equal pages, and ksmd that scans them when it is told to, once each time. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

#define KSM "/sys/kernel/mm/ksm/"
#define DIFFERENT 32	/* contents; below 256 pages (max_page_sharing) have one in common */
#define NAP 20000	/* ns: ksmd needs less to start, or to go to sleep */

static size_t page_size, size;
static int run_fd, sleep_fd;
static bool longer;

static void put(int fd, const char *value, size_t length)
{
	if (pwrite(fd, value, length, 0) != (ssize_t)length)
		km_fail("a setting of ksmd: %s", value);
}

static void nap(void)
{
	struct timespec time = { 0, NAP };

	nanosleep(&time, NULL);
}

/* It sleeps for a quarter of an hour. Another time for that wakes it up. */
static void wake_ksmd(void)
{
	longer = !longer;
	put(sleep_fd, longer ? "900001" : "900000", 6);
}

/* "run" is written under the lock that ksmd holds for as long as it scans. */
static void wait_for_ksmd(void)
{
	nap();
	put(run_fd, "1", 1);
}

static void merging_set_up(int argc, char **argv)
{
	km_start(argc, argv);
	page_size = km_page_size();
	size = PAGES * page_size;
	run_fd = open(KSM "run", O_WRONLY);
	sleep_fd = open(KSM "sleep_millisecs", O_WRONLY);
	if (run_fd < 0 || sleep_fd < 0) {
		if (errno == ENOENT)
			km_absent("this kernel has no KSM");
		km_fail(KSM);
	}
	km_keep(KSM "run");
	km_keep(KSM "pages_to_scan");
	km_keep(KSM "sleep_millisecs");
	km_write(KSM "run", "0");
	km_write(KSM "pages_to_scan", "%d", 2 * PAGES);	/* all of them; ksmd stops at the end */
	prctl(PR_SET_TIMERSLACK, 1);
	wake_ksmd();
}

/* Fresh memory, which ksmd may merge and does not yet. */
static unsigned char *mergeable(void)
{
	void *p = km_anonymous(size);

	km_fill_alike(p, PAGES, DIFFERENT);
	if (madvise(p, size, MADV_MERGEABLE))
		km_fail("madvise(MADV_MERGEABLE)");
	return p;
}

/* The first scan takes checksums; the second merges what has not changed. */
static void merge(void)
{
	put(run_fd, "1", 1);
	wait_for_ksmd();
	nap();
	wake_ksmd();
	wait_for_ksmd();
}

static void check_merged(void)
{
	if (km_read(KSM "pages_sharing") != PAGES - DIFFERENT || km_read(KSM "pages_shared") != DIFFERENT)
		km_fail("ksmd has merged %ld pages into %ld", km_read(KSM "pages_sharing"),
			km_read(KSM "pages_shared"));
}

/* ksmd forgets what it knew, and waits until there is something to scan. */
static void forget(unsigned char *p)
{
	km_wipe(p, size, 1);
	munmap(p, size);
	km_write(KSM "run", "2");
	if (km_read(KSM "pages_sharing"))
		km_fail("pages are still merged");
	km_write(KSM "run", "0");
	wake_ksmd();
}

/* Merged, and ksmd has stopped. */
static inline unsigned char *merged(void)
{
	unsigned char *p = mergeable();

	merge();
	check_merged();
	km_write(KSM "run", "0");
	return p;
}

/* Nobody else has a page of it mapped any more. */
static inline void check_taken_apart(unsigned char *p, bool written)
{
	km_check_alike(p, PAGES, DIFFERENT, written ? PAGES : 0);
	km_check_pages(p, PAGES, KM_PRESENT | KM_EXCLUSIVE, PAGES);
	forget(p);
}
