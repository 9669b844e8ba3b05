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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static size_t page_size;

/* Returns the size of a page. */
static inline size_t start(int argc, char **argv)
{
	page_size = km_page_size();
	km_start(argc, argv);
	return page_size;
}

/* A guard of a table lies before it and behind it. */
static inline char *arena(size_t size)
{
	char *p = km_map(NULL, size + 3 * KM_TABLE, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1);

	return (char *)(((uintptr_t)p + 2 * KM_TABLE - 1) & ~(KM_TABLE - 1));
}

/* Part of the arena, as it was. */
static inline void close_area(char *p, size_t size)
{
	km_map(p, size, PROT_NONE, ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1);
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

/* Where a region maps memory, and must not spend a system call more on it. */
static inline void no_huge_pages_at_all(void)
{
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) && errno != EINVAL)
		km_fail("prctl(PR_SET_THP_DISABLE)");
	errno = 0;
}

static inline char *map_small_pages(char *p, size_t size)
{
	km_map(p, size, RW, ANONYMOUS | MAP_FIXED, -1);
	km_small_pages(p, size);
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

/* Part of the arena, in small pages that are written. */
static inline void map_numbers(char *p, size_t pages)
{
	map_small_pages(p, pages * page_size);
	write_numbers(p, pages);
}

/* Nothing has become of them. In what is saved of the guest they are zero. */
static inline void close_numbers(char *p, size_t pages)
{
	check_numbers(p, pages);
	km_wipe(p, pages * page_size, page_size);
	close_area(p, pages * page_size);
}

static inline void map_file(char *p, size_t size, int fd)
{
	km_map(p, size, RW, MAP_SHARED | MAP_FIXED, fd);
	km_small_pages(p, size);
}

/* A file in memory, mapped and written. */
static inline int file_with_numbers(size_t pages)
{
	int fd = km_memfd(pages * page_size);
	char *p = km_map(NULL, pages * page_size, RW, MAP_SHARED, fd);

	km_small_pages(p, pages * page_size);
	write_numbers(p, pages);
	munmap(p, pages * page_size);
	return fd;
}

/* Nothing is mapped there, from the first page on. */
static inline void expect_unmapped(char *p)
{
	unsigned char there;

	if (!mincore(p, page_size, &there) || errno != ENOMEM)
		km_fail("something is still mapped at %p", (void *)p);
	errno = 0;
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
	size_t length = field ? strlen(field) : 0;
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
		} else if (vma.end && field && !strncmp(line, field, length) && line[length] == ':') {
			vma.value = strtol(line + length + 1, NULL, 10);
		}
	}
	fclose(file);
	errno = 0;
	return vma;
}

/* What smaps, one of /proc, says of it, in KiB; -1 where there is no such field, or no smaps. */
static inline long smaps_kib(const char *path, const void *address, const char *field)
{
	if (!access(path, R_OK))
		return vma_in(path, address, field).value;
	errno = 0;
	km_note("%s of a VMA is not known: there is no smaps", field);
	return -1;
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

/* A length of 0 is fine with every advice that the kernel knows. */
static inline void need_advice(int advice, const char *name)
{
	if (madvise((void *)page_size, 0, advice))
		km_absent("this kernel has no madvise(%s)", name);
}

#endif
