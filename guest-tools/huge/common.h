/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the workloads of huge pages share. */
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
#include "memory.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define POOL "/proc/sys/vm/nr_hugepages"

/* A step of a round that must succeed. */
#define must(step) do { if (!(step)) km_fail("%s", #step); } while (0)

/* Address space of its own, aligned, which nobody may touch: what is mapped in it is at the same place in each pass. */
static inline char *room(size_t size, size_t align)
{
	char *p = km_map(NULL, size + 2 * align, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1);

	return (char *)(((uintptr_t)p + align) & ~(align - 1));
}

static inline void close_room(char *p, size_t size)
{
	km_map(p, size, PROT_NONE, ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1);
}

/* As a region reads it; -1: there is no such file. */
static inline long number_of(const char *path)
{
	char text[64];

	return km_text(path, text, sizeof(text)) > 0 ? strtol(text, NULL, 10) : -1;
}

/* So many pages of the RAM disk that compresses can be swapped to. */
static inline void swap_to_zram(size_t pages)
{
	km_put("/sys/block/zram0/disksize", "16777216");
	errno = 0;
	km_swap("/dev/zram0", pages * km_page_size());
}

/* A child that is there until it is told to end. */
struct child {
	pid_t pid;	/* 0: in it */
	int tell[2];
};

static inline struct child fork_child(void)
{
	struct child child;

	must(!pipe(child.tell));
	child.pid = fork();
	must(child.pid >= 0);
	if (!child.pid)
		close(child.tell[1]);
	return child;
}

/* The child waits, and ends well if all was right. */
static inline void end_when_told(struct child child, bool right)
{
	char byte;

	_exit(read(child.tell[0], &byte, 1) || !right);
}

static inline void end_child(struct child child)
{
	int status;

	close(child.tell[1]);
	must(waitpid(child.pid, &status, 0) == child.pid && !status);
	close(child.tell[0]);
}

/* All pages of the pool are there again, none is promised. */
static inline void check_pool(long long pages)
{
	long long free = km_number_in("/proc/meminfo", "HugePages_Free");
	long long promised = km_number_in("/proc/meminfo", "HugePages_Rsvd");

	if (free != pages || promised)
		km_fail("%lld huge pages of %lld are free, %lld promised", free, pages, promised);
}

#endif
