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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

#define MOST_FILES 8192

static inline void allow_files(void)
{
	struct rlimit limit = { MOST_FILES, MOST_FILES };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		km_fail("RLIMIT_NOFILE");
}

static inline void pair_of_sockets(int *ends)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) {
		if (errno == EAFNOSUPPORT || errno == ENOSYS)
			km_absent("this kernel has no Unix sockets");
		km_fail("socketpair");
	}
}

#ifdef FILES
#define HELD 512	/* more than what slabs that are partly used have room for */

static int fds[FILES];
static int held[HELD];

static void make_files(int *where, size_t count);

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

#ifdef TEXT
static char *text;	/* of so many bytes: what was read last */

static void make_text(void)
{
	text = km_map(NULL, TEXT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* A file whole. Returns its length, or -1. */
static ssize_t read_at(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY);
	ssize_t length, sum = 0;

	if (fd < 0)
		return -1;
	while ((length = read(fd, text + sum, TEXT - 1 - sum)) > 0)
		sum += length;
	text[sum] = 0;
	close(fd);
	return length < 0 ? -1 : sum;
}
#endif

/* Since boot, of all zones; -1 if that is not told. */
static inline long long pages_taken(void)
{
	static char counters[1 << 16];
	char *line = counters;
	long long sum = 0;

	km_vmstat(counters, sizeof(counters));
	if (!strstr(counters, "\npgalloc_"))
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
