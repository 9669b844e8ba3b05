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
#include "memory.h"

#define TABLE (KM_TABLE / 2)	/* a page of each so many bytes is touched to have all page tables */
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

/* The first byte of a page; the second stays zero. */
static inline unsigned char value(size_t page)
{
	return page % 251 + 1;
}

/* A mapping with a page on each side of it that cannot be touched: it is a VMA of its own. */
static inline unsigned char *map_apart(size_t size, size_t align, int flags, int fd)
{
	size_t page_size = km_page_size(), whole = size + 2 * align;
	unsigned char *room = km_map(NULL, whole, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1);
	unsigned char *p, *end = room + whole;

	p = (unsigned char *)(((uintptr_t)room + page_size + align - 1) & ~(align - 1));
	km_map(p, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd);
	if (p - page_size > room)
		munmap(room, p - page_size - room);
	if (p + size + page_size < end)
		munmap(p + size + page_size, end - (p + size + page_size));
	return p;
}

static inline void unmap_apart(unsigned char *p, size_t size)
{
	size_t page_size = km_page_size();

	if (munmap(p - page_size, size + 2 * page_size))
		km_fail("munmap");
}

/* Anonymous memory of which no page is there, and none will be huge. */
static inline unsigned char *map_anonymous(size_t size)
{
	unsigned char *p = map_apart(size, KM_TABLE, ANONYMOUS, -1);

	km_small_pages(p, size);
	return p;
}

/* The region: each page is written. */
static inline void write_each(unsigned char *p, size_t pages, size_t page_size)
{
	km_begin();
	for (size_t i = 0; i < pages; i++)
		p[i * page_size] = value(i);
	km_end(pages);
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

static inline void check_and_unmap(unsigned char *p, size_t size, size_t step)
{
	check_written(p, size, step);
	km_wipe(p, size, step);
	unmap_apart(p, size);
}

/* A number that stands for which page is where: 0 if that is not told. */
static inline uint64_t places(const unsigned char *p, size_t pages)
{
	uint64_t entries[256], mixed = 1;
	size_t some;

	for (; pages; pages -= some, p += some * km_page_size()) {
		some = pages < 256 ? pages : 256;
		if (!km_pagemap(p, some, entries))
			return 0;
		for (size_t i = 0; i < some; i++)
			mixed = (mixed ^ (entries[i] & KM_PFN)) * 0x100000001b3;
	}
	return mixed;
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

/*
 * The region: of a file that filled_memfd() has made, pages are read through a fresh mapping. Those before from are
 * there already, and no others.
 */
static inline void read_file(int fd, size_t pages, size_t from, size_t page_size)
{
	unsigned char *p = map_apart(pages * page_size, KM_TABLE, MAP_SHARED, fd);
	unsigned long sum = 0, expected = 0;

	for (size_t i = 0; i < pages; i++)
		expected += value(i);
	for (size_t i = 0; i < from; i++)
		sum += ((volatile unsigned char *)p)[i * page_size];
	km_check_smaps(p, pages * page_size, "Rss", from * page_size);
	km_begin();
	for (size_t i = from; i < pages; i++)
		sum += ((volatile unsigned char *)p)[i * page_size];
	km_end(pages - from);
	if (sum != expected)
		km_fail("what was read adds up to %lu, not %lu", sum, expected);
	km_check_pages(p, pages, KM_PRESENT, pages);
	unmap_apart(p, pages * page_size);
}

/* So many huge pages of hugetlb are free. */
static inline void check_pool(long long pages)
{
	long long free = km_number_in("/proc/meminfo", "HugePages_Free");

	if (free != pages)
		km_fail("%lld huge pages are free, not %lld", free, pages);
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
