/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread dirties pages of a file on a slow disk, above the dirty limit, so that it is throttled in a write fault.
 * Another thread maps and unmaps, and looks how long that takes. What throttle and throttle-retried do; they differ in
 * whether the pages are in the page cache.
 *
 * Before it, a large write keeps the disk busy: the limit of QEMU lets a request through and then makes the next one
 * wait until the rate is kept again. Reads have a limit of their own. So the thread is throttled, once, for about
 * --busy KiB / the disk's rate, whatever the kernel thinks of the disk's speed.
 */
#ifndef THROTTLE_H
#define THROTTLE_H

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kmatrix.h"

#define FOLDER "/tmp/throttle"
#define FILE_NAME FOLDER "/data"
#define VM "/proc/sys/vm/"
#define THREADS_MAX 16
#define PILE 64
#define NAP (1000 * 1000)	/* ns between two looks at mmap() */
#define CAUGHT (400 * 1000 * 1000LL)	/* ns: who had to wait so long waited for a throttled thread */

static struct {
	size_t page_size, size, busy_size, threads;
	unsigned char *file;	/* the mapping that is dirtied */
	unsigned char *expected, *seen, *busy;
	int fd, direct, busy_fd, pile_fd;
	atomic_bool started, stop;
	long long longest;	/* ns */
	long mapped;
} throttle;

static inline long long throttle_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *throttle_map(void *unused)
{
	struct timespec nap = { 0, NAP };

	while (!atomic_load(&throttle.stop)) {
		long long before = throttle_now(), took;
		void *p = mmap(NULL, throttle.page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		took = throttle_now() - before;
		if (p == MAP_FAILED || munmap(p, throttle.page_size))
			km_fail("mmap and munmap");
		if (took > throttle.longest)
			throttle.longest = took;
		throttle.mapped++;
		atomic_store(&throttle.started, true);
		/*
		 * The kernel throttles by its count of dirty pages, but what each CPU has counted for itself may make it wrong
		 * by more pages than are dirtied here. This guest does not add it up every second (vm.stat_interval).
		 */
		km_refresh();
		nanosleep(&nap, NULL);
	}
	return unused;
}

/* One byte a page, every thread pages of its own. */
static void *throttle_dirty(void *number)
{
	size_t step = throttle.threads * throttle.page_size;

	for (size_t i = (size_t)number * throttle.page_size; i < throttle.size; i += step)
		throttle.file[i] = throttle.expected[i];
	return NULL;
}

/* Only the disk is asked. */
static void throttle_check(void)
{
	if (pread(throttle.direct, throttle.seen, throttle.size, 0) != (ssize_t)throttle.size)
		km_fail("the file cannot be read back");
	if (memcmp(throttle.seen, throttle.expected, throttle.size))
		km_fail("the disk does not hold what was written");
}

/* Clean pages; in the page cache all of them, or none. */
static void throttle_cache(bool cold)
{
	if (posix_fadvise(throttle.fd, 0, 0, POSIX_FADV_DONTNEED))
		km_fail("posix_fadvise");
	if (!cold && pread(throttle.fd, throttle.seen, throttle.size, 0) != (ssize_t)throttle.size)
		km_fail("the file cannot be read");
	throttle.file = mmap(NULL, throttle.size, PROT_READ | PROT_WRITE, MAP_SHARED, throttle.fd, 0);
	if (throttle.file == MAP_FAILED || madvise(throttle.file, throttle.size, MADV_RANDOM))
		km_fail("mmap of the file");
	for (size_t i = 0; i < throttle.size; i += throttle.page_size) {
		unsigned char there = 0;

		if (mincore(throttle.file + i, throttle.page_size, &there) || (there & 1) == cold)
			km_fail("byte %zu of the file is %s the page cache", i, cold ? "in" : "not in");
	}
}

static unsigned char *throttle_memory(size_t size)
{
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		km_fail("memory to start with");
	return p;
}

/* Written to the disk, so that nothing has to be allocated later. */
static int throttle_create(const char *name, const unsigned char *content, size_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);

	if (fd < 0 || pwrite(fd, content, size, 0) != (ssize_t)size)
		km_fail("%s", name);
	return fd;
}

static void throttle_set_up(void)
{
	throttle.page_size = sysconf(_SC_PAGESIZE);
	throttle.size = km_option("pages", 48) * throttle.page_size;
	throttle.threads = km_option("threads", 6);
	if (throttle.threads > THREADS_MAX)
		km_fail("--threads: at most %d", THREADS_MAX);
	throttle.busy_size = km_option("busy", 960) * 1024;
	throttle.expected = throttle_memory(throttle.size);
	throttle.seen = throttle_memory(throttle.size);
	throttle.busy = throttle_memory(throttle.busy_size);
	for (size_t i = 0; i < throttle.size; i++)
		throttle.expected[i] = i * 2654435761u >> 13;
	km_mount_disk(FOLDER);
	throttle.busy_fd = throttle_create(FOLDER "/busy", throttle.busy, throttle.busy_size);
	throttle.direct = throttle_create(FILE_NAME, throttle.expected, throttle.size);
	throttle.pile_fd = open(FOLDER "/busy", O_RDWR);
	throttle.fd = open(FILE_NAME, O_RDWR);
	if (throttle.fd < 0 || throttle.pile_fd < 0)
		km_fail(FILE_NAME);
	sync();
	km_keep(VM "dirty_background_ratio");
	km_keep(VM "dirty_ratio");
}

/*
 * The disk is busy, and a pile of dirty pages waits for it. Then the dirty limit is lowered: whoever dirties a page now
 * is throttled until the pile is gone.
 */
static void throttle_pile_up(void)
{
	km_write(VM "dirty_background_bytes", "%zu", throttle.busy_size);
	km_write(VM "dirty_bytes", "%zu", 100 * throttle.busy_size);
	if (pwrite(throttle.busy_fd, throttle.busy, throttle.busy_size, 0) != (ssize_t)throttle.busy_size)
		km_fail("the disk cannot be kept busy");
	if (pwrite(throttle.pile_fd, throttle.busy, PILE * throttle.page_size, 0) != (ssize_t)(PILE * throttle.page_size))
		km_fail("no pile of dirty pages");
	if (sync_file_range(throttle.pile_fd, 0, 0, SYNC_FILE_RANGE_WRITE))
		km_fail("sync_file_range");
	km_write(VM "dirty_background_bytes", "%zu", throttle.page_size);
	km_write(VM "dirty_bytes", "%zu", 2 * throttle.page_size);
}

static void throttle_once(bool first)
{
	pthread_t mapper, dirtiers[THREADS_MAX];

	throttle.stop = throttle.started = false;
	if (pthread_create(&mapper, NULL, throttle_map, NULL))
		km_fail("pthread_create");
	while (!atomic_load(&throttle.started))
		sched_yield();
	throttle_pile_up();
	if (first)
		km_begin();
	for (size_t i = 0; i < throttle.threads; i++)
		if (pthread_create(&dirtiers[i], NULL, throttle_dirty, (void *)i))
			km_fail("pthread_create");
	for (size_t i = 0; i < throttle.threads; i++)
		pthread_join(dirtiers[i], NULL);
	atomic_store(&throttle.stop, true);
	pthread_join(mapper, NULL);
	if (msync(throttle.file, throttle.size, MS_SYNC))
		km_fail("msync");
}

/*
 * Until somebody had to wait, at most --tries times: whether the disk's time has the thread throttled in a fault that
 * has been retried is luck. With a kernel that lets nobody wait, all tries are made.
 */
static void throttle_measure(bool cold)
{
	long tries = km_option("tries", 1);

	throttle.longest = throttle.mapped = 0;
	for (long i = 0; i < tries && throttle.longest < CAUGHT; i++) {
		if (i)
			munmap(throttle.file, throttle.size);
		for (size_t n = 0; n < throttle.size; n += throttle.page_size)
			throttle.expected[n]++;
		throttle_cache(cold);
		throttle_once(!i);
	}
	km_value("stall_ns", throttle.longest);
	km_value("mapped", throttle.mapped);
	km_end(1);
}

static int throttle_main(int argc, char **argv, bool cold)
{
	km_start(argc, argv);
	throttle_set_up();
	while (km_pass()) {
		throttle_measure(cold);
		munmap(throttle.file, throttle.size);
		throttle_check();
	}
	close(throttle.fd);
	close(throttle.direct);
	close(throttle.busy_fd);
	return km_finish();
}

#endif
