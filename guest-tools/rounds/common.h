/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a workload of many different steps needs: each step is checked where it is done. */
#ifndef ROUNDS_COMMON_H
#define ROUNDS_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

/* The step is done, and is true. */
#define must(step) do {							\
	if (!(step))							\
		km_fail("line %d: %s", __LINE__, #step);		\
} while (0)

/* The kernel says no, for this reason. */
#define refused(step, reason) do {					\
	errno = 0;							\
	if ((long)(step) != -1 || errno != (reason))			\
		km_fail("line %d: not refused: %s", __LINE__, #step);	\
	errno = 0;							\
} while (0)

static size_t page_size;

static inline void begin_program(int argc, char **argv)
{
	page_size = km_page_size();
	km_start(argc, argv);
}

/* In small pages. */
static inline char *anonymous(size_t pages)
{
	char *p = km_map(NULL, pages * page_size, RW, ANON, -1);

	km_small_pages(p, pages * page_size);
	return p;
}

static inline bool is_there(const char *path)
{
	bool there = !access(path, F_OK);

	errno = 0;
	return there;
}

/* Reads a file to its end, or so many bytes. */
static inline size_t read_all(const char *path, size_t most)
{
	static char text[1 << 14];
	int fd = open(path, O_RDONLY);
	size_t all = 0;
	ssize_t got;

	if (fd < 0)
		km_fail("%s", path);
	while (all < most && (got = read(fd, text, sizeof(text))) > 0)
		all += got;
	close(fd);
	errno = 0;
	return all;
}

/* The size of a page of hugetlb, so many of which are in the pool; 0: there are none here, or only large ones. */
static inline size_t huge_pool(size_t pages)
{
	if (is_there("/sys/kernel/mm/hugepages/hugepages-2048kB") ||
	    is_there("/sys/kernel/mm/hugepages/hugepages-1024kB"))
		return km_hugetlb_pool(pages);
	return 0;
}

/* It may be there already. */
static inline void make_folder(const char *path)
{
	must(!mkdir(path, 0700) || errno == EEXIST);
	errno = 0;
}

#endif
