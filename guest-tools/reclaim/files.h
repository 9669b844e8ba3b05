/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of /proc and /sys that are read and written in a region, swap areas, and debugfs. */
#ifndef RECLAIM_FILES_H
#define RECLAIM_FILES_H

#include <signal.h>
#include <stdarg.h>
#include <sys/swap.h>
#include <sys/wait.h>

#include "common.h"

#define DEBUGFS "/sys/kernel/debug"

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
	return try_write(path, text);
}

/* The number behind the name in what was last read; -1: there is none. */
static inline long long number_behind(const char *name)
{
	char *at = strstr(file_text, name);

	return at ? atoll(at + strlen(name)) : -1;
}

/* The device or file becomes a swap area, as by mkswap. */
static inline void make_swap(const char *path, size_t size)
{
	size_t page_size = page_bytes();
	char *page = calloc(1, page_size);
	uint32_t *header = (uint32_t *)(page + 1024);
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		km_absent("no %s in this kernel", path);
	header[0] = 1;
	header[1] = size / page_size - 1;
	memcpy(page + page_size - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, page, page_size, 0) != (ssize_t)page_size || fsync(fd) || close(fd))
		km_fail("%s", path);
	free(page);
}

static void debugfs_put_back(void)
{
	umount2(DEBUGFS, MNT_DETACH);
}

static inline void mount_debugfs(void)
{
	if (mount("none", DEBUGFS, "debugfs", 0, NULL)) {
		if (errno == EBUSY)
			return;
		km_absent("no debugfs in this kernel");
	}
	if (atexit(debugfs_put_back))
		km_fail("atexit");
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

static inline int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		km_fail("waitpid");
	return status;
}

/* Writes a word of each page. */
static inline void touch(unsigned char *p, size_t pages, size_t page_size)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile uint64_t *)(p + i * page_size) = i + 1;
}

#endif
