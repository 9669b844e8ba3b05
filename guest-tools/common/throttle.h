/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread dirties pages of a file on a slow disk, above the dirty limit, so that it is throttled in a write fault.
 * Another thread maps and unmaps, and looks how long that takes. What throttle and throttle-retried do; they differ in
 * whether the pages are in the page cache. The disk's time is the guest's own, so all of it repeats; on one CPU, because
 * who is throttled sleeps.
 *
 * Whether a fault looks at the limit is decided by how many pages its thread, its CPU and threads that have ended have
 * dirtied since somebody looked. So the pile of dirty pages, which is why the limit is passed, is made by a thread of its
 * own, and the one that is measured is a new one.
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
#include "slow.h"

#define FOLDER "/tmp/throttle"
#define FILE_NAME FOLDER "/data"
#define PILE_NAME FOLDER "/pile"
#define VM "/proc/sys/vm/"
#define NAP (1000 * 1000)	/* ns between two looks at mmap() */

static struct {
	size_t page_size, size, pile_size;
	unsigned char *file;	/* the mapping that is dirtied */
	unsigned char *expected, *seen, *pile;
	int fd, direct, pile_fd;
	atomic_bool started, stop;
	long long stall, throttled;	/* ns: the longest mmap(), the longest store */
	long mapped;
} throttle;

static inline long long throttle_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void throttle_longest(long long *longest, long long since)
{
	long long took = throttle_now() - since;

	if (took > *longest)
		*longest = took;
}

static void *throttle_map(void *unused)
{
	struct timespec nap = { 0, NAP };

	while (!atomic_load(&throttle.stop)) {
		long long before = throttle_now();
		void *p = mmap(NULL, throttle.page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		throttle_longest(&throttle.stall, before);
		if (p == MAP_FAILED || munmap(p, throttle.page_size))
			km_fail("mmap and munmap");
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

/* One byte a page. */
static void *throttle_dirty(void *unused)
{
	for (size_t i = 0; i < throttle.size; i += throttle.page_size) {
		long long before = throttle_now();

		throttle.file[i] = throttle.expected[i];
		throttle_longest(&throttle.throttled, before);
	}
	return unused;
}

static void *throttle_pile(void *unused)
{
	if (pwrite(throttle.pile_fd, throttle.pile, throttle.pile_size, 0) != (ssize_t)throttle.pile_size)
		km_fail("no pile of dirty pages");
	return unused;
}

static pthread_t throttle_thread(void *(*what)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, what, NULL))
		km_fail("pthread_create");
	return thread;
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
	throttle.size = km_option("pages", 40) * throttle.page_size;
	throttle.pile_size = km_option("pile", 64) * throttle.page_size;
	throttle.expected = throttle_memory(throttle.size);
	throttle.seen = throttle_memory(throttle.size);
	throttle.pile = throttle_memory(throttle.pile_size);
	for (size_t i = 0; i < throttle.size; i++)
		throttle.expected[i] = i * 2654435761u >> 13;
	slow_mount(FOLDER, km_option("request_us", 20000) * 1000);
	close(throttle_create(PILE_NAME, throttle.pile, throttle.pile_size));
	throttle.direct = throttle_create(FILE_NAME, throttle.expected, throttle.size);
	throttle.pile_fd = open(PILE_NAME, O_RDWR);
	throttle.fd = open(FILE_NAME, O_RDWR);
	if (throttle.fd < 0 || throttle.pile_fd < 0)
		km_fail(FOLDER);
	sync();
	km_keep(VM "dirty_background_ratio");
	km_keep(VM "dirty_ratio");
}

/* Bytes that may be dirty before somebody is throttled, and that are dirtied before they are written back. */
static void throttle_limits(size_t limit, size_t background)
{
	km_write(VM "dirty_background_bytes", "%zu", background);
	km_write(VM "dirty_bytes", "%zu", limit);
}

/*
 * The gate is at a quiet disk: before km_begin() comes back, a long time passes by the guest's clock, in which whatever
 * is dirty would be written out. The pile is above no limit until it is there.
 */
static void throttle_measure(bool cold)
{
	pthread_t mapper;

	throttle.stall = throttle.throttled = throttle.mapped = 0;
	throttle.stop = throttle.started = false;
	for (size_t i = 0; i < throttle.size; i += throttle.page_size)
		throttle.expected[i]++;
	throttle_limits(64 * throttle.pile_size, 8 * throttle.pile_size);
	throttle_cache(cold);
	km_begin();
	mapper = throttle_thread(throttle_map);
	while (!atomic_load(&throttle.started))
		sched_yield();
	pthread_join(throttle_thread(throttle_pile), NULL);
	throttle_limits(2 * throttle.page_size, throttle.page_size);
	pthread_join(throttle_thread(throttle_dirty), NULL);
	atomic_store(&throttle.stop, true);
	pthread_join(mapper, NULL);
	km_value("stall_ns", throttle.stall);
	km_value("throttled_ns", throttle.throttled);
	km_value("mapped", throttle.mapped);
	km_end(1);
	if (msync(throttle.file, throttle.size, MS_SYNC))
		km_fail("msync");
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
	close(throttle.pile_fd);
	return km_finish();
}

#endif
