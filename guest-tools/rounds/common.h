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
	page_size = sysconf(_SC_PAGESIZE);
	km_start(argc, argv);
}

static inline char *map(void *where, size_t size, int prot, int flags, int fd, off_t offset)
{
	char *p = mmap(where, size, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		km_fail("mmap of %zu bytes, flags %x", size, flags);
	return p;
}

/* In small pages. An error: the kernel has no huge ones. */
static inline char *anonymous(size_t pages)
{
	char *p = map(NULL, pages * page_size, RW, ANON, -1, 0);

	madvise(p, pages * page_size, MADV_NOHUGEPAGE);
	errno = 0;
	return p;
}

static inline void fill(char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile uint64_t *)(p + i * page_size) = i + 1;
}

static inline bool filled(const char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (*(const volatile uint64_t *)(p + i * page_size) != i + 1)
			return false;
	return true;
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

static inline void put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		km_fail("%s: %s", path, text);
	close(fd);
}

/* The number of huge pages that are asked for are in the pool; their size. */
static inline size_t huge_pool(int pages)
{
	char line[128];
	size_t kib = 0;
	FILE *file;

	if (!is_there("/proc/sys/vm/nr_hugepages"))
		km_absent("no hugetlb in this kernel");
	file = fopen("/proc/meminfo", "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "Hugepagesize: %zu", &kib);
	if (file)
		fclose(file);
	if (!kib || kib > 4096)
		km_absent("no small enough pages of hugetlb on this machine");
	km_keep("/proc/sys/vm/nr_hugepages");
	km_write("/proc/sys/vm/nr_hugepages", "%d", pages);
	if (km_read("/proc/sys/vm/nr_hugepages") != pages)
		km_absent("not enough memory for the pool of hugetlb");
	errno = 0;
	return kib << 10;
}

#endif
