/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the workloads that reclaim, swap and move pages share: pages that are known whole, the RAM disk, a cgroup. */
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
#include "memory.h"

#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define RAM_DISK "/dev/ram0"
#define SWAP_PAGES 4095	/* of the RAM disk, where that is swapped to */
#define CGROUPS "/tmp/cg"
#define CGROUP CGROUPS "/km"	/* the one that a workload makes for itself */

/* Fresh pages wait in a batch before they are put on the LRU lists. MADV_COLD puts them there, of whatever it is. */
static inline void drain_lru(void)
{
	unsigned char *nothing = km_anonymous(km_page_size());

	if (madvise(nothing, km_page_size(), MADV_COLD) && errno != EINVAL)
		km_fail("madvise(MADV_COLD)");
	munmap(nothing, km_page_size());
	errno = 0;
}

/* Of each four words of a page three are alike: it can be compressed, and is not all one word. */
static inline uint64_t word_of(size_t page, size_t n)
{
	return n % 4 ? page + 1 : (page + 1) * 0x9e3779b97f4a7c15ull + n * 2654435761u;
}

static inline void fill(unsigned char *p, size_t pages)
{
	size_t words = km_page_size() / sizeof(uint64_t);

	for (size_t i = 0; i < pages; i++)
		for (size_t n = 0; n < words; n++)
			((volatile uint64_t *)p)[i * words + n] = word_of(i, n);
}

static inline void check_filled(const unsigned char *p, size_t pages)
{
	size_t words = km_page_size() / sizeof(uint64_t);

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

/* A file that this kernel may not have. */
static inline int open_or_absent(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		km_absent("no %s in this kernel", path);
	return fd;
}

/* Every page of the RAM disk is there afterwards, nothing of it is in the page cache. */
static inline void fill_disk(size_t pages)
{
	int fd = open_or_absent(RAM_DISK, O_RDWR | O_DIRECT);
	size_t page_size = km_page_size();
	uint64_t *page;

	if (posix_memalign((void **)&page, page_size, page_size))
		km_fail("memory");
	memset(page, 0, page_size);
	for (size_t i = 0; i < pages; i++) {
		*page = km_word(i);
		if (pwrite(fd, page, page_size, i * page_size) != (ssize_t)page_size)
			km_fail(RAM_DISK);
	}
	free(page);
	close(fd);
}

/* A file on it, for reads that go through the page cache, without readahead if that is wished. */
static inline int open_disk(bool readahead)
{
	int fd = open_or_absent(RAM_DISK, O_RDWR);

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
			 *(uint64_t *)page != km_word(i);
	return wrong;
}

/* All of it is in the page cache afterwards. */
static inline void check_disk(int fd, size_t pages, void *page)
{
	if (read_disk(fd, pages, page, km_page_size()))
		km_fail(RAM_DISK " does not hold what was written");
}

static inline void *map_disk(int fd, size_t pages)
{
	return km_map(NULL, pages * km_page_size(), PROT_READ, MAP_SHARED, fd);
}

static inline void drop_disk_cache(int fd)
{
	if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		km_fail("posix_fadvise");
}

static inline void cgroup_put_back(void)
{
	km_put(CGROUPS "/cgroup.procs", "0");
	rmdir(CGROUP);
	km_put(CGROUPS "/cgroup.subtree_control", "-memory");
	umount2(CGROUPS, MNT_DETACH);
	rmdir(CGROUPS);
}

static inline void cgroup_mount(void)
{
	char controllers[256];

	if (mkdir(CGROUPS, 0700) && errno != EEXIST)
		km_fail(CGROUPS);
	if (mount("none", CGROUPS, "cgroup2", 0, NULL))
		km_absent("no cgroup v2 in this kernel");
	if (atexit(cgroup_put_back))
		km_fail("atexit");
	if (km_text(CGROUPS "/cgroup.controllers", controllers, sizeof(controllers)) < 0)
		km_fail(CGROUPS "/cgroup.controllers");
	if (!strstr(controllers, "memory"))
		km_absent("no memory cgroups in this kernel");
	km_write(CGROUPS "/cgroup.subtree_control", "+memory");
	errno = 0;
}

/* A cgroup that the process can enter. */
static inline void cgroup_make(void)
{
	cgroup_mount();
	if (mkdir(CGROUP, 0700) && errno != EEXIST)
		km_fail(CGROUP);
	errno = 0;
}

static inline void cgroup_enter(void)
{
	km_write(CGROUP "/cgroup.procs", "0");
}

/* What the process has got in the cgroup stays charged to it. */
static inline void cgroup_leave(void)
{
	km_write(CGROUPS "/cgroup.procs", "0");
}

/* The same. Without memory.reclaim (before Linux 5.19) there is nothing that reclaims an exact amount. */
static inline int cgroup_with_reclaim(void)
{
	int fd;

	cgroup_make();
	fd = open(CGROUP "/memory.reclaim", O_WRONLY);
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

static inline void swap_to_disk(void)
{
	fill_disk(SWAP_PAGES);
	km_swap(RAM_DISK, SWAP_PAGES * km_page_size());
}

/* madvise(MADV_PAGEOUT), and all of it is swapped. */
static inline void page_out(unsigned char *p, size_t pages)
{
	if (access("/proc/self/pagemap", R_OK))
		km_absent("no /proc/self/pagemap in this kernel");
	if (madvise(p, pages * km_page_size(), MADV_PAGEOUT)) {
		if (errno == EINVAL)
			km_absent("no MADV_PAGEOUT in this kernel");
		km_fail("madvise(MADV_PAGEOUT)");
	}
	km_check_pages(p, pages, KM_SWAPPED, pages);
}

#endif
