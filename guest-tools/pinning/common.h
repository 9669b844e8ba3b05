/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that the kernel is to reach for itself, another process, the RAM disk, and the kernel's own test of gup. */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmatrix.h"

static size_t page_size;

static inline unsigned char *anonymous(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		km_fail("mmap of %zu bytes", size);
	madvise(p, size, MADV_NOHUGEPAGE);	/* an error: the kernel has no huge pages */
	return p;
}

/* A word of each page that no other page has. */
static inline uint64_t content(size_t page)
{
	return page * 2654435761u + 1;
}

static inline void fill(unsigned char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile uint64_t *)(p + i * page_size) = content(i);
}

static inline void check(const unsigned char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (*(const volatile uint64_t *)(p + i * page_size) != content(i))
			km_fail("page %zu does not hold what it should", i);
}

#ifdef OTHER_PROCESS
/*
 * It makes its memory, tells where that is, and does nothing. Before km_start(): no page is shared with it
 * afterwards.
 */
static pid_t start_other(void *(*memory)(void), void **where)
{
	pid_t parent = getpid(), pid;
	int ready[2];

	if (pipe(ready))
		km_fail("pipe");
	pid = fork();
	if (pid < 0)
		km_fail("fork");
	if (!pid) {
		*where = memory();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ready[1], where, sizeof(*where)) != sizeof(*where) || getppid() != parent)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], where, sizeof(*where)) != sizeof(*where) || *where == MAP_FAILED)
		km_fail("the other process has no memory");
	close(ready[0]);
	return pid;
}

static void end_other(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
#endif

#ifdef RAM_DISK
static int open_ram_disk(void)
{
	int fd = open(RAM_DISK, O_RDWR | O_DIRECT);

	if (fd < 0 && (errno == ENOENT || errno == ENXIO))
		km_absent("no " RAM_DISK " in this kernel");
	if (fd < 0)
		km_fail(RAM_DISK);
	return fd;
}
#endif

#ifdef GUP_TEST
/* mm/gup_test.h of the kernel */
struct gup_test {
	__u64 get_delta_usec, put_delta_usec, addr, size;
	__u32 nr_pages_per_call, gup_flags, test_flags, which_pages[8];
};

#define GUP_FAST _IOWR('g', 1, struct gup_test)
#define PIN_FAST _IOWR('g', 2, struct gup_test)
#define PIN_LONGTERM _IOWR('g', 3, struct gup_test)
#define FOR_WRITING 1	/* FOLL_WRITE */
#define FOLDER "/tmp/gup-test"

static int gup_test;

static void open_gup_test(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	if (mkdir(FOLDER, 0700) && errno != EEXIST)
		km_fail(FOLDER);
	if (mount("none", FOLDER, "debugfs", 0, NULL)) {
		if (errno == ENODEV)
			km_absent("no debugfs in this kernel");
		km_fail("mount debugfs");
	}
	gup_test = open(FOLDER "/gup_test", O_RDWR);
	umount2(FOLDER, MNT_DETACH);
	rmdir(FOLDER);
	if (gup_test < 0)
		km_absent("no gup_test in this kernel");
	errno = 0;
}

/* Gets or pins all pages, some at a time, and lets go of them again. */
static inline void get_pages(unsigned long command, void *p, size_t pages, size_t at_a_time)
{
	struct gup_test test = { .addr = (uintptr_t)p, .size = pages * page_size, .nr_pages_per_call = at_a_time,
				 .gup_flags = FOR_WRITING };

	if (ioctl(gup_test, command, &test))
		km_fail("gup_test");
	if (test.size != pages * page_size)
		km_fail("gup_test: not all pages were got");
}
#endif
