// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * swapon() and swapoff() of a file on ext4 and of zram with discard, of several priorities; both filled until slots are
 * not cached any more (deactivate_swap_slots_cache()), a huge page swapped (swap_alloc_cluster()), a swapoff() that a
 * signal ends (reinsert_swap_info()).
 */
#include <poll.h>
#include <sys/time.h>

#include "../zram.h"

#ifndef SWAP_FLAG_DISCARD
#define SWAP_FLAG_DISCARD 0x10000
#endif
#define FOLDER "/tmp/ramfs"
#define FILE_AREA FOLDER "/swap"
#define FILE_SIZE ((size_t)6 << 20)
#define ZRAM_SIZE ((size_t)6 << 20)
#define PAGES 1536	/* one of the areas, nearly */
#define AGAIN 1280	/* not full: Linux 6.1 warns when a page of a full area is freed after swapoff() has failed */
#define SIGNAL_AFTER 200	/* microseconds */

static size_t page_size;
static bool interrupted = true;

static void swap_off_at_exit(void)
{
	swapoff(ZRAM_DISK);
	swapoff(FILE_AREA);
	unlink(FILE_AREA);
}

static int add(const char *area, int priority, int flags)
{
	return !!swapon(area, SWAP_FLAG_PREFER | priority | flags);
}

/* Both are told, by all that tells of them. */
static int look(unsigned char *p)
{
	struct pollfd watched = { open("/proc/swaps", O_RDONLY), POLLIN, 0 };
	int failed = watched.fd < 0 || poll(&watched, 1, 0) < 0;
	unsigned char there[256];

	close(watched.fd);
	failed += read_file("/proc/swaps") <= 0 || !strstr(file_text, "zram0") || !strstr(file_text, "/swap");
	failed += read_file("/proc/meminfo") <= 0 || number_behind("SwapTotal:") <= 0;
	failed += read_file("/proc/self/smaps") < 0;
	failed += !!mincore(p, 256 * page_size, there);
	return failed;
}

static void nothing(int signal)
{
	(void)signal;
}

/* The signal comes while pages are read in: before it looks at the child, which has them, too. */
static int swap_off_with_signal(const char *area)
{
	struct itimerval soon = { { 0, 0 }, { 0, SIGNAL_AFTER } }, never = { 0 };
	pid_t child = idle_child();
	int result;

	usleep(1000);
	setitimer(ITIMER_REAL, &soon, NULL);
	result = swapoff(area);
	setitimer(ITIMER_REAL, &never, NULL);
	km_end_other(child);
	if (!result) {	/* since Linux 6.12 */
		interrupted = false;
		return 0;
	}
	return (errno != EINTR) + !!swapoff(area);
}

static int one_round(unsigned char *p, unsigned char *huge)
{
	int failed = 0;

	failed += add(ZRAM_DISK, 5, SWAP_FLAG_DISCARD);
	*(volatile unsigned char *)huge = 1;
	failed += !!madvise(huge, KM_TABLE, MADV_PAGEOUT);
	failed += *(volatile unsigned char *)huge != 1;
	madvise(huge, KM_TABLE, MADV_DONTNEED);
	failed += add(FILE_AREA, 10, 0);
	touch(p, 2 * PAGES, page_size);
	failed += !!madvise(p, 2 * PAGES * page_size, MADV_PAGEOUT);
	failed += look(p);
	madvise(p, PAGES * page_size, MADV_DONTNEED);
	failed += !!swapoff(FILE_AREA);
	failed += add(FILE_AREA, 5, 0);	/* as the other: by turns */
	for (size_t i = 0; i < PAGES; i += 64)
		failed += *(volatile uint64_t *)(p + (PAGES + i) * page_size) != PAGES + i + 1;
	touch(p, AGAIN, page_size);
	failed += !!madvise(p, AGAIN * page_size, MADV_PAGEOUT);
	failed += swap_off_with_signal(FILE_AREA);
	madvise(p, 2 * PAGES * page_size, MADV_DONTNEED);
	failed += !!swapoff(ZRAM_DISK);
	return failed;
}

int main(int argc, char **argv)
{
	unsigned char *p, *huge;

	page_size = km_page_size();
	km_start(argc, argv);
	need_zram();
	km_mount_ram(FOLDER);
	make_file(FILE_AREA, FILE_SIZE);
	km_make_swap(FILE_AREA, FILE_SIZE);
	if (atexit(swap_off_at_exit))
		km_fail("atexit");
	signal(SIGALRM, nothing);
	p = km_anonymous(2 * PAGES * page_size);
	huge = huge_page();
	errno = 0;
	while (km_pass()) {
		km_write(ZRAM "disksize", "%zu", ZRAM_SIZE);
		km_make_swap(ZRAM_DISK, ZRAM_SIZE);
		km_begin();
		end_steps(1, one_round(p, huge));
		if (read_file("/proc/swaps") <= 0 || strstr(file_text, "zram0"))
			km_fail("a swap area is left");
		km_write(ZRAM "reset", "1");
	}
	if (!interrupted)
		km_note("swapoff() was done before it looked for a signal");
	return km_finish();
}
