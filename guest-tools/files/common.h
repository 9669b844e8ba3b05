/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the workloads of files share: files with known content, cached or cold. */
#ifndef FILES_COMMON_H
#define FILES_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

#define EXT4 "/tmp/kmatrix-ext4"	/* where the RAM disk is mounted */
#define EXT4_FILE EXT4 "/file"
#define TMPFS "/dev/shm/"
#define CHUNK ((size_t)64 << 10)	/* bytes of a read or write */
#ifndef FIFREEZE
#define FIFREEZE _IOWR('X', 119, int)
#define FITHAW _IOWR('X', 120, int)
#endif

/* All words of a page are the same, and those of two pages differ. */
static inline uint64_t word_of(size_t page, unsigned int seed)
{
	return (page + 1) * 0x0001000100010001 + ((uint64_t)seed << 48);
}

/* Small pages, and they are there. */
static inline void *buffer(size_t size)
{
	char *p = km_anonymous(size);

	for (size_t i = 0; i < size; i += km_page_size())
		((volatile char *)p)[i] = 0;
	return p;
}

/* first: page of the file that the buffer begins with */
static inline void fill(void *p, size_t size, size_t first, unsigned int seed)
{
	size_t page_size = km_page_size();

	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		((volatile uint64_t *)p)[i] = word_of(first + i * sizeof(uint64_t) / page_size, seed);
}

static inline void check_words(const void *p, size_t size, size_t first, unsigned int seed)
{
	size_t page_size = km_page_size();
	const uint64_t *words = p;

	for (size_t i = 0; i < size / sizeof(uint64_t); i++) {
		size_t page = first + i * sizeof(uint64_t) / page_size;

		if (words[i] != word_of(page, seed))
			km_fail("page %zu of the file does not hold what was written", page);
	}
}

static inline void write_file(int fd, size_t size, unsigned int seed)
{
	uint64_t *chunk = buffer(CHUNK);

	for (size_t at = 0; at < size; at += CHUNK) {
		fill(chunk, CHUNK, at / km_page_size(), seed);
		if (pwrite(fd, chunk, CHUNK, at) != (ssize_t)CHUNK)
			km_fail("a file of %zu bytes could not be written", size);
	}
	munmap(chunk, CHUNK);
}

/* Reads all of it, which puts it into the cache. */
static inline void check_file(int fd, size_t size, unsigned int seed)
{
	void *chunk = buffer(CHUNK);

	for (size_t at = 0; at < size; at += CHUNK) {
		if (pread(fd, chunk, CHUNK, at) != (ssize_t)CHUNK)
			km_fail("a file of %zu bytes could not be read", size);
		check_words(chunk, CHUNK, at / km_page_size(), seed);
	}
	munmap(chunk, CHUNK);
}

static inline void cache_file(int fd, size_t size)
{
	void *chunk = buffer(CHUNK);

	for (size_t at = 0; at < size; at += CHUNK)
		if (pread(fd, chunk, CHUNK, at) != (ssize_t)CHUNK)
			km_fail("a file of %zu bytes could not be read", size);
	munmap(chunk, CHUNK);
}

/* A word a page: nearly all zeros, and the pages are there. */
static inline void touch_file(int fd, size_t size, unsigned int seed)
{
	size_t page_size = km_page_size();
	char *p = km_map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);

	for (size_t i = 0; i < size; i += page_size)
		*(uint64_t *)(p + i) = word_of(i / page_size, seed);
	munmap(p, size);
}

/* A fresh one each pass: what readahead knows of a file is in what open() made. */
static inline int ext4_open(int flags)
{
	int fd = open(EXT4_FILE, O_RDWR | flags, 0600);

	if (fd < 0)
		km_fail(EXT4_FILE);
	return fd;
}

/* With its blocks on the disk. */
static inline int ext4_file(size_t size, unsigned int seed)
{
	int fd = ext4_open(O_CREAT | O_TRUNC);

	write_file(fd, size, seed);
	if (fsync(fd))
		km_fail("fsync");
	return fd;
}

/* The journal is written and empty: it is not full in the next region. */
static inline void ext4_settle(void)
{
	int fd = open(EXT4, O_RDONLY);

	if (fd < 0 || syncfs(fd) || ioctl(fd, FIFREEZE, 0) || ioctl(fd, FITHAW, 0))
		km_fail(EXT4 " could not be frozen");
	close(fd);
}

/* Pages of the file that are in the cache. */
static inline size_t resident(int fd, size_t size)
{
	void *p = km_map(NULL, size, PROT_READ, MAP_SHARED, fd);
	size_t count = km_resident(p, size / km_page_size());

	munmap(p, size);
	return count;
}

static inline void check_resident(int fd, size_t size, size_t expected)
{
	size_t found = resident(fd, size);

	if (found != expected)
		km_fail("%zu pages of the file are in the cache, not %zu", found, expected);
}

static inline void make_cold(int fd, size_t size)
{
	if (fsync(fd))
		km_fail("fsync");
	errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (errno)
		km_fail("posix_fadvise(POSIX_FADV_DONTNEED)");
	check_resident(fd, size, 0);
}

#endif
