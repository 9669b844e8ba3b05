/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of a known kind, what is in it, and what the kernel tells of it: what workloads need to check themselves. */
#ifndef KMATRIX_MEMORY_H
#define KMATRIX_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define KM_TABLE ((size_t)2 << 20)	/* what a page table maps; on s390x, two of them */
#define KM_PRESENT (1ull << 63)	/* bits of /proc/PID/pagemap */
#define KM_SWAPPED (1ull << 62)
#define KM_EXCLUSIVE (1ull << 56)	/* nobody else has the page mapped */
#define KM_PFN ((1ull << 55) - 1)
#define KM_THP "/sys/kernel/mm/transparent_hugepage/"
#define KM_DEBUGFS "/sys/kernel/debug/"

size_t km_page_size(void);
void *km_map(void *where, size_t size, int protection, int flags, int fd);	/* mmap(), or the program ends */
void km_small_pages(void *p, size_t size);	/* none of it becomes a huge page */
void *km_anonymous(size_t size);	/* private, in small pages, at a multiple of KM_TABLE; no page of it is there */

/* The first word of each page, by its number: no two are the same. */
static inline uint64_t km_word(size_t page)
{
	return page * 2654435761u + 1;
}

void km_fill(void *p, size_t pages);
size_t km_unlike(const void *p, size_t pages);	/* how many do not hold it */
void km_check(const void *p, size_t pages);	/* none may */

/* A number of a file of lines "NAME VALUE" or "NAME: VALUE kB"; -1: there is none. */
long long km_number_in(const char *path, const char *name);
long long km_count(const char *name);	/* of /proc/vmstat, with what each CPU has counted for itself */
void km_check_count(const char *name, long long before, long long least);	/* where it is counted, it went on by so many */

/* KiB of what /proc/self/smaps calls name, of the VMAs that begin in this memory; -1: that is not told. */
long km_smaps(const void *p, size_t size, const char *name);
void km_check_smaps(const void *p, size_t size, const char *name, size_t bytes);

/* entries of /proc/self/pagemap, one a page; false, and a note: there is no such file. */
bool km_pagemap(const void *p, size_t pages, uint64_t *entries);
long km_pages_with(const void *p, size_t pages, uint64_t bits);	/* how many have all of these; -1 as above */
void km_check_pages(const void *p, size_t pages, uint64_t bits, size_t expected);
size_t km_resident(const void *p, size_t pages);	/* by mincore() */

/* Files of /proc and /sys, without stdio: as a region reads and writes them. */
ssize_t km_text(const char *path, char *text, size_t size);	/* the length, a zero byte behind it; -1 */
bool km_put(const char *path, const char *text);	/* false: it was not taken */
bool km_put_number(const char *path, long long number);

size_t km_thp_size(void);	/* of a transparent huge page; absent where there are none */
size_t km_hugetlb_pool(size_t pages);	/* so many are free then, until the end; the size of one */
bool km_has_debugfs(void);	/* at its usual place, until the end; it is mounted there */
void km_mount_debugfs(void);	/* absent without it */
void km_make_swap(const char *path, size_t size);	/* as mkswap */

/*
 * Another process that has made its memory (where: what memory() returned) and does nothing any more; with NULL it has
 * what was there. It ends with us.
 */
pid_t km_other(void *(*memory)(void), void **where);
void km_end_other(pid_t pid);

int km_memfd(size_t size);	/* a file in memory, without a name; no page of it is there */

/* Whole pages, and few that differ: what ksmd merges. The first byte of the first so many was set to 0xff since. */
void km_fill_alike(void *p, size_t pages, size_t different);
void km_check_alike(const void *p, size_t pages, size_t different, size_t set);

long km_faults(void);	/* that this process has had, of both kinds */
void km_check_populated(void *p, size_t pages);	/* they are there and zero, and writing to them takes no fault */

void km_batch(void);	/* who is woken waits until the other one sleeps, also threads that are started from here on */

#endif
