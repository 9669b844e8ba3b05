/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The RAM disk, futexes, and the kernel's own test of gup. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/types.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

#define RAM_DISK "/dev/ram0"

/* With pages to write to it. */
static inline int open_ram_disk(void **from, size_t pages)
{
	int fd = open(RAM_DISK, O_RDWR | O_DIRECT);

	if (fd < 0 && (errno == ENOENT || errno == ENXIO))
		km_absent("no " RAM_DISK " in this kernel");
	if (fd < 0)
		km_fail(RAM_DISK);
	*from = km_anonymous(pages * km_page_size());
	km_fill(*from, pages);
	return fd;
}

static inline long futex(uint32_t *word, int operation, uint32_t value)
{
	return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

/* mm/gup_test.h of the kernel */
struct gup_test {
	__u64 get_delta_usec, put_delta_usec, addr, size;
	__u32 nr_pages_per_call, gup_flags, test_flags, which_pages[8];
};

#define GUP_FAST _IOWR('g', 1, struct gup_test)
#define PIN_FAST _IOWR('g', 2, struct gup_test)
#define PIN_LONGTERM _IOWR('g', 3, struct gup_test)
#define FOR_WRITING 1	/* FOLL_WRITE */

/* With pages to get. */
static inline int open_gup_test(void **p, size_t pages)
{
	int fd;

	km_mount_debugfs();
	fd = open(KM_DEBUGFS "gup_test", O_RDWR);
	if (fd < 0)
		km_absent("no gup_test in this kernel");
	*p = km_anonymous(pages * km_page_size());
	km_fill(*p, pages);
	return fd;
}

/* Gets or pins all pages, some at a time, and lets go of them again. */
static inline void get_pages(int gup_test, unsigned long command, void *p, size_t size, size_t at_a_time)
{
	struct gup_test test = { .addr = (uintptr_t)p, .size = size, .nr_pages_per_call = at_a_time,
				 .gup_flags = FOR_WRITING };

	if (ioctl(gup_test, command, &test))
		km_fail("gup_test");
	if (test.size != size)
		km_fail("gup_test: not all pages were got");
}
