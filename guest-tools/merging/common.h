/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Equal pages, and ksmd that scans them when it is told to, once each time. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "kmatrix.h"

#define KSM "/sys/kernel/mm/ksm/"
#define DIFFERENT 32	/* contents; below 256 pages (max_page_sharing) have one in common */
#define PRESENT (1ull << 63)	/* bits of /proc/PID/pagemap */
#define EXCLUSIVE (1ull << 56)
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

static void merging_set_up(void)
{
	page_size = sysconf(_SC_PAGESIZE);
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

/* Word by word: some emulators take a long instruction a byte at a time. */
static uint64_t content(size_t page)
{
	return (page % DIFFERENT + 1) * 0x0101010101010101;
}

/* Fresh memory, which ksmd may merge and does not yet. */
static unsigned char *mergeable(void)
{
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		km_fail("anonymous memory");
	madvise(p, size, MADV_NOHUGEPAGE);	/* an error: the kernel has no huge pages */
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		((volatile uint64_t *)p)[i] = content(i * sizeof(uint64_t) / page_size);
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

/* The first byte is another one if the page has been written to since. */
static void check_contents(const unsigned char *p, bool written)
{
	for (size_t i = 0; i < PAGES; i++) {
		const uint64_t *page = (const uint64_t *)(p + i * page_size);
		uint64_t first = content(i), wrong;

		if (written)
			*(unsigned char *)&first = 0xff;
		wrong = page[0] ^ first;
		for (size_t n = 1; n < page_size / sizeof(uint64_t); n++)
			wrong |= page[n] ^ content(i);
		if (wrong)
			km_fail("page %zu does not hold what was written", i);
	}
}

/* Nobody else has them mapped. */
__attribute__((unused)) static void check_own(const unsigned char *p)
{
	static uint64_t entries[PAGES];
	off_t where = (uintptr_t)p / page_size * sizeof(*entries);
	int fd = open("/proc/self/pagemap", O_RDONLY);
	size_t shared = 0;

	if (fd < 0) {
		km_note("whether all pages were taken apart is not known: there is no /proc/self/pagemap");
		return;
	}
	if (pread(fd, entries, sizeof(entries), where) != sizeof(entries))
		km_fail("/proc/self/pagemap: cannot be read");
	close(fd);
	for (size_t i = 0; i < PAGES; i++)
		shared += (entries[i] & (PRESENT | EXCLUSIVE)) != (PRESENT | EXCLUSIVE);
	if (shared)
		km_fail("%zu pages were merged still", shared);
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
