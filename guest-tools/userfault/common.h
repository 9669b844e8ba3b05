/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A userfaultfd, and a thread that answers what comes from it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

/* <linux/userfaultfd.h>, with names of our own: headers of today and of tomorrow differ. */
struct uffd_message {
	uint8_t event, reserved[7];
	uint64_t flags, address, more;
};

struct uffd_api {
	uint64_t api, features, ioctls;
};

struct uffd_range {
	uint64_t start, len;
};

struct uffd_register {
	struct uffd_range range;
	uint64_t mode, ioctls;
};

struct uffd_copy {	/* UFFDIO_MOVE has the same shape */
	uint64_t dst, src, len, mode;
	int64_t done;
};

struct uffd_zeropage {	/* UFFDIO_CONTINUE has the same shape */
	struct uffd_range range;
	uint64_t mode;
	int64_t done;
};

struct uffd_protect {
	struct uffd_range range;
	uint64_t mode;
};

#define API_VERSION 0xaa
#define DO_API _IOWR(0xaa, 0x3f, struct uffd_api)
#define DO_REGISTER _IOWR(0xaa, 0x00, struct uffd_register)
#define DO_COPY _IOWR(0xaa, 0x03, struct uffd_copy)
#define DO_ZEROPAGE _IOWR(0xaa, 0x04, struct uffd_zeropage)
#define DO_MOVE _IOWR(0xaa, 0x05, struct uffd_copy)
#define DO_PROTECT _IOWR(0xaa, 0x06, struct uffd_protect)
#define DO_CONTINUE _IOWR(0xaa, 0x07, struct uffd_zeropage)

#define REGISTER_MISSING 1
#define REGISTER_WP 2
#define REGISTER_MINOR 4
#define HAS_WP (1ull << 0)	/* features */
#define HAS_MINOR_SHMEM (1ull << 10)
#define HAS_MOVE (1ull << 16)
#define EVENT_FAULT 0x12

static size_t page_size;
static int uffd = -1;

static int new_uffd(uint64_t features, uint64_t *there)
{
	struct uffd_api api = { API_VERSION, features, 0 };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 && errno == ENOSYS)
		km_absent("this kernel has no userfaultfd");
	if (fd < 0)
		km_fail("userfaultfd");
	if (ioctl(fd, DO_API, &api))
		km_fail("UFFDIO_API");
	if (there)
		*there = api.features;
	return fd;
}

/* A kernel tells what it has when it is asked for nothing; what is wanted is asked for then. */
static void uffd_set_up(uint64_t features, const char *absent)
{
	uint64_t there;

	page_size = km_page_size();
	close(new_uffd(0, &there));
	if (features & ~there)
		km_absent("%s", absent);
	uffd = new_uffd(features, NULL);
}

static void watch(void *p, size_t size, uint64_t mode)
{
	struct uffd_register request = { { (uintptr_t)p, size }, mode, 0 };

	if (ioctl(uffd, DO_REGISTER, &request))
		km_fail("UFFDIO_REGISTER");
}

/* Filled, in small pages. */
static inline unsigned char *filled(size_t pages)
{
	void *p = km_anonymous(pages * page_size);

	km_fill(p, pages);
	return p;
}

static inline void copy_page(uint64_t to, uint64_t from)
{
	struct uffd_copy copy = { to, from, page_size, 0, 0 };

	if (ioctl(uffd, DO_COPY, &copy))
		km_fail("UFFDIO_COPY");
}

#ifdef SERVED
/* What is done about a fault; it also wakes up who waits. */
static void answer(uint64_t page);
static unsigned long answered;

static void *serve(void *nothing)
{
	struct uffd_message message;

	for (;;) {
		if (read(uffd, &message, sizeof(message)) != sizeof(message))
			km_fail("read from the userfaultfd");
		if (message.event != EVENT_FAULT)
			km_fail("event %x from the userfaultfd", message.event);
		__atomic_add_fetch(&answered, 1, __ATOMIC_RELAXED);
		answer(message.address & ~(uint64_t)(page_size - 1));
	}
	return nothing;
}

static void start_server(void)
{
	pthread_t thread;

	km_batch();
	errno = pthread_create(&thread, NULL, serve, NULL);
	if (errno)
		km_fail("a thread");
}

static void check_answered(unsigned long before, unsigned long faults)
{
	unsigned long more = __atomic_load_n(&answered, __ATOMIC_RELAXED) - before;

	if (more != faults)
		km_fail("%lu faults were answered, not %lu", more, faults);
}

/* The region: a word of each page is read, which is a fault each. */
static inline void measure_reads(const unsigned char *p, size_t pages)
{
	unsigned long before = answered;
	uint64_t sum = 0, expected = 0;

	km_begin();
	for (size_t i = 0; i < pages; i++)
		sum += *(const volatile uint64_t *)(p + i * page_size);
	km_end(pages);
	for (size_t i = 0; i < pages; i++)
		expected += km_word(i);
	if (sum != expected)
		km_fail("what was read is not what the pages were to hold");
	check_answered(before, pages);
}
#endif
