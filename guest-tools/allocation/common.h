/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many files at once, and how many pages the kernel has taken. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmatrix.h"

#define MOST_FILES 8192

#ifdef FILES
#define HELD 512	/* more than what slabs that are partly used have room for */

static int fds[FILES];
static int held[HELD];

static void make_files(int *where, size_t count);

static void allow_files(void)
{
	struct rlimit limit = { MOST_FILES, MOST_FILES };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		km_fail("RLIMIT_NOFILE");
}

/* Objects that are held: so those of the region come out of new slabs, as many in every boot. */
static void before_files(void)
{
	memset(fds, 0xff, sizeof(fds));
	make_files(held, HELD);
}

static void close_files(void)
{
	int wrong = 0;

	for (size_t i = 0; i < FILES; i++)
		wrong |= close(fds[i]);
	if (wrong)
		km_fail("close");
}

/* Each was new, all were open at the same time, and none is now. */
static void check_files(void)
{
	for (size_t i = 0; i < HELD; i++)
		close(held[i]);
	for (size_t i = 0; i < FILES; i++) {
		if (fds[i] < 0 || (i && fds[i] <= fds[i - 1]))	/* the lowest number that is free is given out */
			km_fail("file %zu was number %d", i, fds[i]);
		if (fcntl(fds[i], F_GETFD) >= 0 || errno != EBADF)
			km_fail("file %zu is still open", i);
	}
	errno = 0;
}
#endif

/* Since boot, of all zones; -1 if that is not told. */
static inline long long pages_taken(void)
{
	static char text[1 << 16];
	long long sum = 0;
	int fd = open("/proc/vmstat", O_RDONLY);
	ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	char *line = text;

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = 0;
	if (!strstr(text, "\npgalloc_"))
		return -1;
	while ((line = strstr(line, "\npgalloc_"))) {
		line = strchr(line, ' ');
		sum += atoll(line);
	}
	return sum;
}

static inline void check_pages(long long before, long long least)
{
	long long taken = pages_taken() - before;

	if (before < 0)
		km_note("how many pages were taken is not known: /proc/vmstat does not tell");
	else if (taken < least)
		km_fail("%lld pages were taken, not %lld", taken, least);
}
