/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of /proc and /sys that are read and written in a region, and children. */
#ifndef RECLAIM_FILES_H
#define RECLAIM_FILES_H

#include <signal.h>
#include <stdarg.h>
#include <sys/swap.h>
#include <sys/wait.h>

#include "common.h"

static char file_text[8192];	/* the start of what was last read */

/* All of the file. How long it is; -1: it cannot be read. */
static inline long read_file(const char *path)
{
	char more[4096];
	int fd = open(path, O_RDONLY);
	long all = 0;
	ssize_t got;

	file_text[0] = 0;
	if (fd < 0)
		return -1;
	while ((got = read(fd, all ? more : file_text, all ? sizeof(more) : sizeof(file_text) - 1)) > 0) {
		if (!all)
			file_text[got] = 0;
		all += got;
	}
	close(fd);
	return got < 0 ? -1 : all;
}

static inline bool __attribute__((format(printf, 2, 3))) write_file(const char *path, const char *format, ...)
{
	char text[128];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return km_put(path, text);
}

/* How many of these files are there and cannot be read, or have less than so many bytes. */
static inline int count_unread(const char *const *paths, size_t count, long least)
{
	int failed = 0;

	for (size_t i = 0; i < count; i++)
		failed += !access(paths[i], R_OK) && read_file(paths[i]) < least;
	return failed;
}

/* Takes the value, and tells it then. A file that is not there is no failure. */
static inline int change_setting(const char *path, const char *value)
{
	size_t length = strlen(value);
	int failed;

	if (access(path, W_OK))
		return 0;
	failed = !km_put(path, value);
	return failed + (read_file(path) <= 0 || strncmp(file_text, value, length) || file_text[length] != '\n');
}

/* The number behind the name in what was last read; -1: there is none. */
static inline long long number_behind(const char *name)
{
	char *at = strstr(file_text, name);

	return at ? atoll(at + strlen(name)) : -1;
}

/* The kernel's messages would be part of what is measured: they go out on a slow line. */
static inline void no_messages(void)
{
	if (access("/proc/sys/kernel/printk", W_OK))
		return;
	km_keep("/proc/sys/kernel/printk");
	km_write("/proc/sys/kernel/printk", "1");
}

static inline pid_t fork_or_fail(void)
{
	pid_t pid = fork();

	if (pid < 0)
		km_fail("fork");
	return pid;
}

/* It has what we have, and does nothing. */
static inline pid_t idle_child(void)
{
	pid_t pid = fork_or_fail();

	while (!pid)
		pause();
	return pid;
}

static inline int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		km_fail("waitpid");
	return status;
}

/* A file of zeros, on the disk. */
static inline void make_file(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t page_size = km_page_size();
	char *page = calloc(1, page_size);

	for (size_t at = 0; at < size; at += page_size)
		if (pwrite(fd, page, page_size, at) != (ssize_t)page_size)
			km_fail("%s", path);
	if (fsync(fd) || close(fd))
		km_fail("%s", path);
	free(page);
}

/* A huge page can be there, if the kernel has them. */
static inline unsigned char *huge_page(void)
{
	unsigned char *p = km_anonymous(KM_TABLE);

	madvise(p, KM_TABLE, MADV_HUGEPAGE);
	return p;
}

/* The end of a region of which steps can fail. */
static inline void end_steps(unsigned long units, int failed)
{
	km_end(units);
	errno = 0;
	if (failed)
		km_fail("%d steps failed", failed);
}

/* Writes a word of each page: km_fill() for a region. */
static inline void touch(unsigned char *p, size_t pages, size_t page_size)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile uint64_t *)(p + i * page_size) = i + 1;
}

#endif
