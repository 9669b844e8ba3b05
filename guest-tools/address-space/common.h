/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the workloads of the address space share. Each has an arena: address space of its own, which nobody may touch
 * and which starts at a multiple of 2 MiB. What is measured is mapped inside of it, so its VMAs never merge with
 * those of others, it is at the same address in each pass, and the page tables above it stay.
 */
#ifndef ADDRESS_SPACE_COMMON_H
#define ADDRESS_SPACE_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmatrix.h"

#define TABLE ((size_t)2 << 20)	/* what a page table maps; on s390x, two of them */
#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define PRESENT (1ull << 63)	/* bits of /proc/PID/pagemap */
#define SWAPPED (1ull << 62)
#define CHUNK 256	/* entries that are looked at together */

static size_t page_size;

static inline void start(int argc, char **argv)
{
	page_size = sysconf(_SC_PAGESIZE);
	km_start(argc, argv);
}

static inline char *map_or_fail(void *where, size_t size, int protection, int flags, int fd)
{
	char *p = mmap(where, size, protection, flags, fd, 0);

	if (p == MAP_FAILED)
		km_fail("mmap of %zu bytes", size);
	return p;
}

/* A guard of a table lies before it and behind it. */
static inline char *arena(size_t size)
{
	char *p = map_or_fail(NULL, size + 3 * TABLE, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1);

	return (char *)(((uintptr_t)p + 2 * TABLE - 1) & ~(TABLE - 1));
}

/* Part of the arena, as it was. */
static inline void close_area(char *p, size_t size)
{
	map_or_fail(p, size, PROT_NONE, ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1);
}

/*
 * Part of the arena in which nothing is mapped. To be done in the region: km_begin() maps memory, which would come
 * there.
 */
static inline void open_hole(char *p, size_t size)
{
	if (munmap(p, size))
		km_fail("munmap of %zu bytes", size);
}

static inline void no_huge_pages(void *p, size_t size)
{
	if (madvise(p, size, MADV_NOHUGEPAGE) && errno != EINVAL)	/* EINVAL: the kernel has none */
		km_fail("madvise(MADV_NOHUGEPAGE)");
	errno = 0;
}

/* Where a region maps memory, and must not spend a system call more on it. */
static inline void no_huge_pages_at_all(void)
{
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) && errno != EINVAL)
		km_fail("prctl(PR_SET_THP_DISABLE)");
	errno = 0;
}

static inline char *map_small_pages(char *p, size_t size)
{
	map_or_fail(p, size, RW, ANONYMOUS | MAP_FIXED, -1);
	no_huge_pages(p, size);
	return p;
}

/* Each page holds its number and one, in its first and its last word. */
static inline void write_numbers(char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		*(volatile uint64_t *)(p + i * page_size) = i + 1;
		*(volatile uint64_t *)(p + (i + 1) * page_size - sizeof(uint64_t)) = i + 1;
	}
}

static inline uint64_t first_word(const char *p, size_t page)
{
	return *(const volatile uint64_t *)(p + page * page_size);
}

static inline uint64_t last_word(const char *p, size_t page)
{
	return *(const volatile uint64_t *)(p + (page + 1) * page_size - sizeof(uint64_t));
}

static inline void check_numbers(const char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (first_word(p, i) != i + 1 || last_word(p, i) != i + 1)
			km_fail("page %zu does not hold what was written", i);
}

static inline void check_zeros(const char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (first_word(p, i) || last_word(p, i))
			km_fail("page %zu is not zero", i);
}

/* A file in memory, mapped and written. */
static inline int file_with_numbers(size_t pages)
{
	int fd = memfd_create("address-space", MFD_CLOEXEC);
	char *p;

	if (fd < 0 || ftruncate(fd, pages * page_size))
		km_fail("a file in memory");
	p = map_or_fail(NULL, pages * page_size, RW, MAP_SHARED, fd);
	no_huge_pages(p, pages * page_size);
	write_numbers(p, pages);
	munmap(p, pages * page_size);
	return fd;
}

/* How many of the pages are in the page tables, or swapped out; -1 where that is not told. */
static inline long count_pages(const char *p, size_t pages, uint64_t bit)
{
	uint64_t entries[CHUNK];
	int fd = open("/proc/self/pagemap", O_RDONLY);
	long found = 0;

	if (fd < 0) {
		km_note("which pages are there is not known: there is no /proc/self/pagemap");
		return -1;
	}
	for (size_t i = 0; i < pages; i += CHUNK) {
		size_t some = pages - i < CHUNK ? pages - i : CHUNK;
		ssize_t wanted = some * sizeof(*entries);

		if (pread(fd, entries, wanted, ((uintptr_t)p / page_size + i) * sizeof(*entries)) != wanted)
			km_fail("/proc/self/pagemap: cannot be read");
		for (size_t n = 0; n < some; n++)
			found += !!(entries[n] & bit);
	}
	close(fd);
	return found;
}

static inline void expect_pages(const char *p, size_t pages, uint64_t bit, long expected)
{
	long found = count_pages(p, pages, bit);

	if (found >= 0 && found != expected)
		km_fail("%ld of %zu pages are %s and not %ld", found, pages, bit == PRESENT ? "there" : "swapped",
			expected);
}

/* Nothing is mapped there, from the first page on. */
static inline void expect_unmapped(char *p)
{
	unsigned char there;

	if (!mincore(p, page_size, &there) || errno != ENOMEM)
		km_fail("something is still mapped at %p", (void *)p);
	errno = 0;
}

static inline bool is_field(const char *line, const char *name)
{
	return !strncmp(line, name, strlen(name)) && line[strlen(name)] == ':';
}

struct vma {
	uintptr_t start, end;
	char flags[8], name[64];
	long value;	/* of the field asked for, in KiB */
};

/* The VMA of the address in a file like /proc/self/maps, and with field what smaps says of it. */
static inline struct vma vma_in(const char *path, const void *address, const char *field)
{
	struct vma vma = { 0, 0, "", "", -1 }, next;
	FILE *file = fopen(path, "r");
	char line[512];

	if (!file)
		km_fail("%s", path);
	while (fgets(line, sizeof(line), file)) {
		memset(&next, 0, sizeof(next));
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %63[^\n]", &next.start, &next.end, next.flags,
			   next.name) >= 3) {
			if (vma.end)
				break;
			if (next.start <= (uintptr_t)address && (uintptr_t)address < next.end) {
				vma = next;
				vma.value = -1;
			}
		} else if (vma.end && field && is_field(line, field)) {
			vma.value = strtol(line + strlen(field) + 1, NULL, 10);
		}
	}
	fclose(file);
	errno = 0;
	return vma;
}

static inline struct vma vma_of(const void *address)
{
	return vma_in("/proc/self/maps", address, NULL);
}

/* There is a VMA of just these pages. */
static inline void expect_vma(const char *p, size_t pages)
{
	struct vma vma = vma_of(p);

	if (vma.start != (uintptr_t)p || vma.end != (uintptr_t)p + pages * page_size)
		km_fail("a VMA of %zu pages was expected at %p, and there is one from %lx to %lx", pages,
			(const void *)p, (unsigned long)vma.start, (unsigned long)vma.end);
}

/* -1 where there is no such field, or no smaps. */
static inline long smaps_kib(const void *address, const char *field)
{
	if (access("/proc/self/smaps", R_OK)) {
		errno = 0;
		km_note("%s of a VMA is not known: there is no /proc/self/smaps", field);
		return -1;
	}
	return vma_in("/proc/self/smaps", address, field).value;
}

static inline void expect_smaps(const void *address, const char *field, size_t pages)
{
	long kib = smaps_kib(address, field);

	if (kib >= 0 && (size_t)kib != pages * page_size / 1024)
		km_fail("%s of the VMA is %ld KiB instead of %zu", field, kib, pages * page_size / 1024);
}

/* A field of /proc/self/status, in KiB; -1: there is none. */
static inline long status_kib(const char *field)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long value = -1;

	if (!file)
		km_fail("/proc/self/status");
	while (fgets(line, sizeof(line), file))
		if (is_field(line, field))
			value = strtol(line + strlen(field) + 1, NULL, 10);
	fclose(file);
	return value;
}

/* A counter of /proc/vmstat; -1: there is none. */
static inline long long counter(const char *name)
{
	FILE *file = fopen("/proc/vmstat", "r");
	char line[128], found[64];
	long long value, result = -1;

	km_refresh();
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %lld", found, &value) == 2 && !strcmp(found, name))
			result = value;
	fclose(file);
	return result;
}

/* It has gone on by this much at least. */
static inline void expect_counted(const char *name, long long before, long long least)
{
	long long after = counter(name);

	if (before >= 0 && after - before < least)
		km_fail("%s of /proc/vmstat went on by %lld and not by %lld", name, after - before, least);
}

/* A length of 0 is fine with every advice that the kernel knows. */
static inline void need_advice(int advice, const char *name)
{
	if (madvise((void *)page_size, 0, advice))
		km_absent("this kernel has no madvise(%s)", name);
}

static inline long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

#endif
