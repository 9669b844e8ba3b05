// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Anonymous pages that ksmd has merged are taken apart again (claim C7): one half by writing to it, which is an
 * ordinary copy on write, the other by MADV_UNMERGEABLE, where break_ksm() faults for the process without leave to
 * drop mmap_lock.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kmatrix.h"

#define KSM "/sys/kernel/mm/ksm/"
#define PAGES 36864	/* enough that a microsecond of the kernel's own work is below 20 ppm */
#define DIFFERENT 200	/* contents; below 256 pages (max_page_sharing) have one in common */
#define PRESENT (1ull << 63)	/* bits of /proc/PID/pagemap */
#define EXCLUSIVE (1ull << 56)
#define PATIENCE 3000	/* looks at ksmd's work, 10 ms each */

static size_t page_size, size;

static unsigned char content(size_t page)
{
	return page % DIFFERENT + 1;
}

/* Word by word: some emulators take a long instruction a byte at a time. */
static uint64_t word(size_t page)
{
	return content(page) * 0x0101010101010101;
}

static void fill(unsigned char *p)
{
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		((volatile uint64_t *)p)[i] = word(i * sizeof(uint64_t) / page_size);
}

static void check(const unsigned char *p, size_t written)
{
	for (size_t i = 0; i < PAGES; i++) {
		const uint64_t *page = (const uint64_t *)(p + i * page_size);
		uint64_t first = word(i), wrong;

		if (i < written)
			*(unsigned char *)&first = 0xff;
		wrong = page[0] ^ first;
		for (size_t n = 1; n < page_size / sizeof(uint64_t); n++)
			wrong |= page[n] ^ word(i);
		if (wrong)
			km_fail("page %zu does not hold what was written", i);
	}
}

/*
 * Pages of its own: nobody else has them mapped. Since Linux 6.2 what MADV_UNMERGEABLE takes apart is its own and yet not
 * writable before the first write, so faults do not tell.
 */
static void check_own(const unsigned char *p)
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
	page_size = sysconf(_SC_PAGESIZE);
	size = PAGES * page_size;
	km_start(argc, argv);
	set_up();
	while (km_pass()) {
		unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED || madvise(p, size, MADV_NOHUGEPAGE))
			km_fail("anonymous memory");
		fill(p);
		merge(p);
		check(p, 0);
		km_begin();
		for (size_t i = 0; i < PAGES / 2; i++)
			p[i * page_size] = 0xff;
		if (madvise(p, size, MADV_UNMERGEABLE))
			km_fail("madvise(MADV_UNMERGEABLE)");
		km_end(PAGES);
		check(p, PAGES / 2);
		check_own(p);
		km_wipe(p, size, 1);
		munmap(p, size);
		km_write(KSM "run", "2");	/* ksmd forgets what it knew */
		if (km_read(KSM "pages_sharing"))
			km_fail("pages are still merged");
	}
	return km_finish();
}
