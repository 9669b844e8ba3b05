/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the workloads that reclaim, swap and move pages share: memory, a look at it, a cgroup, devices. */
#ifndef RECLAIM_COMMON_H
#define RECLAIM_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmatrix.h"

#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define RAM_DISK "/dev/ram0"
#define ALIGNED ((size_t)2 << 20)	/* a page table's reach, or a multiple of it */
#define PAGEMAP_SWAPPED (1ull << 62)	/* bits of /proc/PID/pagemap */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_PFN ((1ull << 55) - 1)
#define CGROUPS "/tmp/cg"
#define CGROUP CGROUPS "/km"	/* the one that a workload makes for itself */

static inline size_t page_bytes(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* Private memory of small pages, aligned. No page of it is there. */
static inline unsigned char *anonymous(size_t size)
{
	unsigned char *p = mmap(NULL, size + ALIGNED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t front = -(uintptr_t)p % ALIGNED;

	if (p == MAP_FAILED)
		km_fail("mmap of %zu bytes", size);
	if (front)
		munmap(p, front);
	p += front;
	munmap(p + size, ALIGNED - front);
	madvise(p, size, MADV_NOHUGEPAGE);	/* an error: the kernel has no huge pages */
	errno = 0;
	return p;
}

/* Fresh pages wait in a batch before they are put on the LRU lists. MADV_COLD puts them there, of whatever it is. */
static inline void drain_lru(void)
{
	unsigned char *nothing = anonymous(page_bytes());

	if (madvise(nothing, page_bytes(), MADV_COLD) && errno != EINVAL)
		km_fail("madvise(MADV_COLD)");
	munmap(nothing, page_bytes());
	errno = 0;
}

/* Of each four words of a page three are alike: it can be compressed, and is not all one word. */
static inline uint64_t word_of(size_t page, size_t n)
{
	return n % 4 ? page + 1 : (page + 1) * 0x9e3779b97f4a7c15ull + n * 2654435761u;
}

static inline void fill(unsigned char *p, size_t pages)
{
	size_t words = page_bytes() / sizeof(uint64_t);

	for (size_t i = 0; i < pages; i++)
		for (size_t n = 0; n < words; n++)
			((volatile uint64_t *)p)[i * words + n] = word_of(i, n);
}

static inline void check_filled(const unsigned char *p, size_t pages)
{
	size_t words = page_bytes() / sizeof(uint64_t);

	for (size_t i = 0; i < pages; i++)
		for (size_t n = 0; n < words; n++)
			if (((const uint64_t *)p)[i * words + n] != word_of(i, n))
				km_fail("word %zu of page %zu is not what was written", n, i);
}

/* Reads a word of every page. Returns how many do not hold what fill() wrote. */
static inline size_t touch_filled(const unsigned char *p, size_t pages, size_t page_size)
{
	size_t wrong = 0;

	for (size_t i = 0; i < pages; i++)
		wrong += *(const volatile uint64_t *)(p + i * page_size + 8) != word_of(i, 1);
	return wrong;
}

static inline int open_pagemap(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0)
		km_absent("no /proc/self/pagemap in this kernel");
	return fd;
}

static inline void read_pagemap(int fd, const void *p, uint64_t *entries, size_t pages)
{
	size_t size = pages * sizeof(*entries);

	if (pread(fd, entries, size, (uintptr_t)p / page_bytes() * sizeof(*entries)) != (ssize_t)size)
		km_fail("/proc/self/pagemap: cannot be read");
}

/* How many pages have this bit. */
static inline size_t count_pages(const unsigned char *p, size_t pages, uint64_t bit)
{
	uint64_t entries[512];
	size_t count = 0, some = 0;
	int fd = open_pagemap();

	for (size_t i = 0; i < pages; i += some) {
		some = pages - i < 512 ? pages - i : 512;
		read_pagemap(fd, p + i * page_bytes(), entries, some);
		for (size_t n = 0; n < some; n++)
			count += !!(entries[n] & bit);
	}
	close(fd);
	return count;
}

/* How many pages are in the page cache, or mapped. */
static inline size_t count_resident(void *p, size_t pages)
{
	unsigned char *there = malloc(pages);
	size_t count = 0;

	if (!there || mincore(p, pages * page_bytes(), there))
		km_fail("mincore");
	for (size_t i = 0; i < pages; i++)
		count += there[i] & 1;
	free(there);
	return count;
}

/* A count of /proc/vmstat; -1 if it is not there. */
static inline long long vmstat(const char *name)
{
	char text[24576], wanted[72];
	char *line;

	km_vmstat(text + 1, sizeof(text) - 1);
	*text = '\n';
	snprintf(wanted, sizeof(wanted), "\n%s ", name);
	line = strstr(text, wanted);
	return line ? atoll(line + strlen(wanted)) : -1;
}

/* Events of this kind since there were so many of them. Where the kernel does not count them, so many as are wanted. */
static inline void check_events(const char *name, long long before, long long least)
{
	long long now = vmstat(name);

	errno = 0;
	if (now >= 0 && now - before < least)
		km_fail("%s: %lld, and not %lld", name, now - before, least);
}

/* The first word of a page of the RAM disk. */
static inline uint64_t disk_word(size_t page)
{
	return page * 2654435761u + 1;
}

/* Every page of the RAM disk is there afterwards, nothing of it is in the page cache. */
static inline void fill_disk(size_t pages)
{
	size_t page_size = page_bytes();
	uint64_t *page;
	int fd = open(RAM_DISK, O_RDWR | O_DIRECT);

	if (fd < 0)
		km_absent("no " RAM_DISK " in this kernel");
	if (posix_memalign((void **)&page, page_size, page_size))
		km_fail("memory");
	memset(page, 0, page_size);
	for (size_t i = 0; i < pages; i++) {
		*page = disk_word(i);
		if (pwrite(fd, page, page_size, i * page_size) != (ssize_t)page_size)
			km_fail(RAM_DISK);
	}
	free(page);
	close(fd);
}

/* A file on it, for reads that go through the page cache, without readahead if that is wished. */
static inline int open_disk(bool readahead)
{
	int fd = open(RAM_DISK, O_RDWR);

	if (fd < 0)
		km_absent("no " RAM_DISK " in this kernel");
	if (!readahead && posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM))
		km_fail("posix_fadvise");
	return fd;
}

/* Returns how many pages did not begin with the right word. */
static inline size_t read_disk(int fd, size_t pages, void *page, size_t page_size)
{
	size_t wrong = 0;

	for (size_t i = 0; i < pages; i++)
		wrong += pread(fd, page, page_size, i * page_size) != (ssize_t)page_size ||
			 *(uint64_t *)page != disk_word(i);
	return wrong;
}

static inline void drop_disk_cache(int fd)
{
	if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		km_fail("posix_fadvise");
}

/* Without an error if it cannot be: for settings that are put back when the program ends. */
static inline bool try_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	if (fd >= 0)
		close(fd);
	return done;
}

static inline void cgroup_put_back(void)
{
	try_write(CGROUPS "/cgroup.procs", "0");
	rmdir(CGROUP);
	try_write(CGROUPS "/cgroup.subtree_control", "-memory");
	umount2(CGROUPS, MNT_DETACH);
	rmdir(CGROUPS);
}

static inline void cgroup_mount(void)
{
	char controllers[256] = "";
	int fd;

	if (mkdir(CGROUPS, 0700) && errno != EEXIST)
		km_fail(CGROUPS);
	if (mount("none", CGROUPS, "cgroup2", 0, NULL))
		km_absent("no cgroup v2 in this kernel");
	if (atexit(cgroup_put_back))
		km_fail("atexit");
	fd = open(CGROUPS "/cgroup.controllers", O_RDONLY);
	if (fd < 0 || read(fd, controllers, sizeof(controllers) - 1) < 0)
		km_fail(CGROUPS "/cgroup.controllers");
	close(fd);
	if (!strstr(controllers, "memory"))
		km_absent("no memory cgroups in this kernel");
	km_write(CGROUPS "/cgroup.subtree_control", "+memory");
	errno = 0;
}

/* A cgroup of its own, and the process in it. */
static inline void cgroup_enter(void)
{
	if (mkdir(CGROUP, 0700) && errno != EEXIST)
		km_fail(CGROUP);
	km_write(CGROUP "/cgroup.procs", "0");
	errno = 0;
}

/* What the process has got in the cgroup stays charged to it. */
static inline void cgroup_leave(void)
{
	km_write(CGROUPS "/cgroup.procs", "0");
}

/* Without memory.reclaim (before Linux 5.19) there is nothing that reclaims an exact amount. */
static inline int open_reclaim(void)
{
	int fd = open(CGROUP "/memory.reclaim", O_WRONLY);

	if (fd < 0)
		km_absent("no memory.reclaim in this kernel");
	return fd;
}

static inline void reclaim(int fd, size_t bytes)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%zu", bytes);

	if (pwrite(fd, text, length, 0) != length)
		km_fail("memory.reclaim of %zu bytes", bytes);
}

/* A line of the cgroup's memory.stat. */
static inline long long cgroup_stat(const char *name)
{
	char text[8193], wanted[72];
	int fd = open(CGROUP "/memory.stat", O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text + 1, sizeof(text) - 2);
	char *line;

	if (got < 0)
		km_fail(CGROUP "/memory.stat");
	close(fd);
	*text = '\n';
	text[got + 1] = 0;
	snprintf(wanted, sizeof(wanted), "\n%s ", name);
	line = strstr(text, wanted);
	if (!line)
		km_fail("memory.stat has no %s", name);
	return atoll(line + strlen(wanted));
}

/* madvise(MADV_PAGEOUT), and all of it is swapped. */
static inline void page_out(unsigned char *p, size_t pages)
{
	size_t left;

	if (madvise(p, pages * page_bytes(), MADV_PAGEOUT)) {
		if (errno == EINVAL)
			km_absent("no MADV_PAGEOUT in this kernel");
		km_fail("madvise(MADV_PAGEOUT)");
	}
	left = pages - count_pages(p, pages, PAGEMAP_SWAPPED);
	if (left)
		km_fail("%zu pages were not swapped out", left);
}

#endif
