/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the workloads of huge pages share: both kinds of them, and files of /proc and /sys. */
#ifndef HUGE_COMMON_H
#define HUGE_COMMON_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmatrix.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define THP "/sys/kernel/mm/transparent_hugepage/"
#define POOL "/proc/sys/vm/nr_hugepages"

/* A step of a round that must succeed. */
#define must(step) do { if (!(step)) km_fail("%s", #step); } while (0)

static inline char *map_at(void *where, size_t size, int protection, int flags, int fd)
{
	char *p = mmap(where, size, protection, flags, fd, 0);

	if (p == MAP_FAILED)
		km_fail("mmap of %zu bytes with flags %#x", size, flags);
	return p;
}

/* Address space of its own, aligned, which nobody may touch: what is mapped in it is at the same place in each pass. */
static inline char *room(size_t size, size_t align)
{
	char *p = map_at(NULL, size + 2 * align, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1);

	return (char *)(((uintptr_t)p + align) & ~(align - 1));
}

static inline void close_room(char *p, size_t size)
{
	map_at(p, size, PROT_NONE, ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1);
}

/* A number of a file of lines "NAME VALUE" or "NAME: VALUE kB"; -1: there is none. */
static inline long number_in(const char *path, const char *name)
{
	FILE *file = fopen(path, "r");
	char line[256];
	long number = -1;

	while (file && number < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && strchr(": ", line[strlen(name)]))
			number = strtol(line + strlen(name) + 1, NULL, 10);
	if (file)
		fclose(file);
	errno = 0;
	return number;
}

/* As a region reads a file: without stdio. The text ends in a zero byte. Returns its length, or -1. */
static inline ssize_t text_of(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t length;

	if (fd < 0)
		return -1;
	length = read(fd, text, size - 1);
	text[length > 0 ? length : 0] = 0;
	close(fd);
	return length;
}

static inline long number_of(const char *path)
{
	char text[64];

	return text_of(path, text, sizeof(text)) > 0 ? strtol(text, NULL, 10) : -1;
}

static inline bool put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

static inline bool put_number(const char *path, long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", number);
	return put_text(path, text);
}

/* KiB of what /proc/self/smaps calls name, of the VMAs that begin there; -1: not told. */
static inline long smaps(const char *p, size_t size, const char *name)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	bool ours = false;
	char line[512];
	long sum = 0;

	errno = 0;
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start >= (uintptr_t)p && start < (uintptr_t)p + size;
		else if (ours && !strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			sum += strtol(line + strlen(name) + 1, NULL, 10);
	}
	fclose(file);
	return sum;
}

/* The size of a transparent huge page. */
static inline size_t thp_size(void)
{
	char enabled[64];

	if (text_of(THP "enabled", enabled, sizeof(enabled)) < 0)
		km_absent("this kernel has no transparent huge pages");
	if (strstr(enabled, "[never]"))
		km_absent("transparent huge pages are switched off");
	return km_read(THP "hpage_pmd_size");
}

/* The size of a page of hugetlb. Afterwards so many are in the pool. */
static inline size_t hugetlb_pool(long pages)
{
	long kib = number_in("/proc/meminfo", "Hugepagesize");

	if (kib <= 0)
		km_absent("this kernel or machine has no hugetlb");
	km_keep(POOL);
	km_write(POOL, "%ld", pages);
	if (number_in("/proc/meminfo", "HugePages_Free") != pages)
		km_fail("%ld huge pages are free, not %ld", number_in("/proc/meminfo", "HugePages_Free"), pages);
	return kib << 10;
}

/* All pages of the pool are there again, none is promised. */
static inline void check_pool(long pages)
{
	if (number_in("/proc/meminfo", "HugePages_Free") != pages || number_in("/proc/meminfo", "HugePages_Rsvd"))
		km_fail("%ld huge pages of %ld are free, %ld promised", number_in("/proc/meminfo", "HugePages_Free"),
			pages, number_in("/proc/meminfo", "HugePages_Rsvd"));
}

#endif
