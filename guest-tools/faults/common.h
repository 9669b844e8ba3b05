/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory to take faults in, and what /proc tells of it afterwards. */
#ifndef FAULTS_COMMON_H
#define FAULTS_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmatrix.h"

#define MIB ((size_t)1 << 20)
#define ALIGN (2 * MIB)		/* what a page table maps; on s390x it is half of that */
#define TABLE MIB		/* a page of each so many bytes is touched to have all page tables */
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define PRESENT (1ull << 63)	/* bits of /proc/PID/pagemap */
#define PFN ((1ull << 55) - 1)
#define THP "/sys/kernel/mm/transparent_hugepage/"

/* The first byte of a page; the second stays zero. */
static inline unsigned char value(size_t page)
{
	return page % 251 + 1;
}

/* A mapping with a page on each side of it that cannot be touched: it is a VMA of its own. */
static inline unsigned char *map_apart(size_t size, size_t align, int flags, int fd)
{
	size_t page_size = sysconf(_SC_PAGESIZE), whole = size + 2 * align;
	unsigned char *room = mmap(NULL, whole, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned char *p, *end = room + whole;

	if (room == MAP_FAILED)
		km_fail("mmap of %zu bytes", whole);
	p = (unsigned char *)(((uintptr_t)room + page_size + align - 1) & ~(align - 1));
	if (mmap(p, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0) != p)
		km_fail("mmap of %zu bytes with flags %#x", size, flags);
	if (p - page_size > room)
		munmap(room, p - page_size - room);
	if (p + size + page_size < end)
		munmap(p + size + page_size, end - (p + size + page_size));
	return p;
}

static inline void unmap_apart(unsigned char *p, size_t size)
{
	size_t page_size = sysconf(_SC_PAGESIZE);

	if (munmap(p - page_size, size + 2 * page_size))
		km_fail("munmap");
}

/* Anonymous memory of which no page is there, and none will be huge. */
static inline unsigned char *map_anonymous(size_t size)
{
	unsigned char *p = map_apart(size, ALIGN, ANONYMOUS, -1);

	if (madvise(p, size, MADV_NOHUGEPAGE) && errno != EINVAL)	/* EINVAL: the kernel has no huge pages */
		km_fail("madvise(MADV_NOHUGEPAGE)");
	errno = 0;
	return p;
}

/* The first page of each table is written: then the table is there. */
static inline void write_tables(unsigned char *p, size_t size, size_t page_size)
{
	for (size_t i = 0; i < size; i += TABLE)
		((volatile unsigned char *)p)[i] = value(i / page_size);
}

/* And all other pages. Returns how many those are. */
static inline size_t write_rest(unsigned char *p, size_t size, size_t page_size)
{
	size_t pages = 0;

	for (size_t table = 0; table < size; table += TABLE)
		for (size_t i = table + page_size; i < table + TABLE; i += page_size) {
			((volatile unsigned char *)p)[i] = value(i / page_size);
			pages++;
		}
	return pages;
}

static inline void check_written(const unsigned char *p, size_t size, size_t step)
{
	for (size_t i = 0; i < size; i += step)
		if (p[i] != value(i / step) || p[i + 1])
			km_fail("page %zu does not hold what was written", i / step);
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

/* A count of /proc/vmstat, with what each CPU has counted for itself; -1: there is none. */
static inline long vmstat(const char *name)
{
	km_refresh();
	return number_in("/proc/vmstat", name);
}

/* KiB of what /proc/self/smaps calls name, of the VMAs that begin there; -1: not told. */
static inline long smaps(const unsigned char *p, size_t size, const char *name)
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

static inline void check_smaps(const unsigned char *p, size_t size, const char *name, size_t bytes)
{
	long kib = smaps(p, size, name);

	if (kib < 0)
		km_note("how pages are mapped was not checked: there is no /proc/self/smaps");
	else if ((size_t)kib != bytes >> 10)
		km_fail("%s of the mapping is %ld KiB, not %zu", name, kib, bytes >> 10);
}

/* Looks at what /proc/self/pagemap tells of each page; false: it tells nothing. */
static inline bool each_entry(const unsigned char *p, size_t pages, void (*look)(uint64_t entry, uint64_t *result),
			      uint64_t *result)
{
	size_t page_size = sysconf(_SC_PAGESIZE), some;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entries[256];

	if (fd < 0) {
		km_note("how pages are mapped was not checked: there is no /proc/self/pagemap");
		return false;
	}
	for (; pages; pages -= some, p += some * page_size) {
		some = pages < 256 ? pages : 256;
		if (pread(fd, entries, some * 8, (uintptr_t)p / page_size * 8) != (ssize_t)some * 8)
			km_fail("/proc/self/pagemap: cannot be read");
		for (size_t i = 0; i < some; i++)
			look(entries[i], result);
	}
	close(fd);
	return true;
}

static inline void count_present(uint64_t entry, uint64_t *result)
{
	*result += (entry & PRESENT) != 0;
}

/* That so many of the pages are mapped; the zero page is one, too. */
static inline void check_present(const unsigned char *p, size_t expected, size_t pages)
{
	uint64_t present = 0;

	if (each_entry(p, pages, count_present, &present) && present != expected)
		km_fail("%llu pages are mapped, not %zu", (unsigned long long)present, expected);
}

static inline void mix_pfn(uint64_t entry, uint64_t *result)
{
	*result = (*result ^ (entry & PFN)) * 0x100000001b3;
}

/* A number that stands for which page is where: 0 if that is not told. */
static inline uint64_t places(const unsigned char *p, size_t pages)
{
	uint64_t mixed = 1;

	return each_entry(p, pages, mix_pfn, &mixed) ? mixed : 0;
}

/* A file in memory of which all pages are there, with their values. */
static inline int filled_memfd(size_t size, size_t page_size)
{
	int fd = memfd_create("faults", 0);

	if (fd < 0 || ftruncate(fd, size))
		km_fail("memfd of %zu bytes", size);
	for (size_t i = 0; i < size; i += page_size) {
		unsigned char byte = value(i / page_size);

		if (pwrite(fd, &byte, 1, i) != 1)
			km_fail("write to a memfd");
	}
	return fd;
}

/* The size of a transparent huge page. */
static inline size_t thp_size(void)
{
	char enabled[64] = "";
	FILE *file = fopen(THP "enabled", "r");

	if (!file || !fgets(enabled, sizeof(enabled), file))
		km_absent("this kernel has no transparent huge pages");
	fclose(file);
	if (strstr(enabled, "[never]"))
		km_absent("transparent huge pages are switched off");
	return km_read(THP "hpage_pmd_size");
}

/* The size of a page of hugetlb. Afterwards so many are in the pool. */
static inline size_t hugetlb_pool(size_t pages)
{
	long kib = number_in("/proc/meminfo", "Hugepagesize");

	if (kib <= 0)
		km_absent("this kernel or machine has no hugetlb");
	km_keep("/proc/sys/vm/nr_hugepages");
	km_write("/proc/sys/vm/nr_hugepages", "%zu", pages);
	if (number_in("/proc/meminfo", "HugePages_Free") != (long)pages)
		km_fail("%ld huge pages are free, not %zu", number_in("/proc/meminfo", "HugePages_Free"), pages);
	return kib << 10;
}

/* Another process that has what we have, until it is told to look at it. */
struct child {
	pid_t pid;
	int tell;
};

/* Returns in the parent when the child sleeps. The child answers by look(p, size), asked by end_child(). */
static inline struct child start_child(bool (*look)(const unsigned char *p, size_t size), const unsigned char *p,
				       size_t size)
{
	int tell[2], ready[2];
	struct child child;
	char byte = 0;

	if (pipe(tell) || pipe(ready))
		km_fail("pipe");
	child.pid = fork();
	if (child.pid < 0)
		km_fail("fork");
	if (!child.pid) {
		close(tell[1]);
		/* At the end of the parent there is nothing to be read. */
		if (write(ready[1], &byte, 1) != 1 || read(tell[0], &byte, 1) != 1)
			_exit(1);
		_exit(look(p, size) ? 0 : 1);
	}
	if (read(ready[0], &byte, 1) != 1)
		km_fail("the child did not start");
	close(ready[0]);
	close(ready[1]);
	close(tell[0]);
	child.tell = tell[1];
	return child;
}

static inline void end_child(struct child child)
{
	int status;

	if (write(child.tell, "", 1) != 1 || waitpid(child.pid, &status, 0) != child.pid)
		km_fail("the child cannot be asked");
	if (status)
		km_fail("the child does not see what was there at fork()");
	close(child.tell);
}

#endif
