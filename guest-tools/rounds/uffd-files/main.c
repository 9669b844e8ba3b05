// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * __mcopy_atomic_hugetlb(), shmem_mfill_atomic_pte(), mcontinue_atomic_pte(), mwriteprotect_range(), and of
 * fs/userfaultfd.c the events (dup_userfaultfd(), mremap_userfaultfd_prep(), userfaultfd_remove(), userfaultfd_unmap_prep()).
 * Nobody waits for a fault: all pages are put before they are touched. A second thread reads the events.
 */
#include <pthread.h>

#include "../common.h"

#define ROUNDS 24
#define PAGES 32
#define HUGE_PAGES 4

/* <linux/userfaultfd.h>, as of today: older headers lack some of it. */
struct range { uint64_t start, len; };
struct api { uint64_t api, features, ioctls; };
struct reg { struct range range; uint64_t mode, ioctls; };
struct copy { uint64_t dst, src, len, mode; int64_t done; };
struct zero { struct range range; uint64_t mode; int64_t done; };
struct protect { struct range range; uint64_t mode; };
struct message { uint8_t event, reserved[7]; uint64_t a, b, c; };
#define DO_API _IOWR(0xaa, 0x3f, struct api)
#define DO_REGISTER _IOWR(0xaa, 0x00, struct reg)
#define DO_UNREGISTER _IOR(0xaa, 0x01, struct range)
#define DO_WAKE _IOR(0xaa, 0x02, struct range)
#define DO_COPY _IOWR(0xaa, 0x03, struct copy)
#define DO_ZEROPAGE _IOWR(0xaa, 0x04, struct zero)
#define DO_PROTECT _IOWR(0xaa, 0x06, struct protect)
#define DO_CONTINUE _IOWR(0xaa, 0x07, struct zero)
#define MISSING 1
#define WP 2
#define MINOR 4
#define HAS_WP 1ull
#define EVENTS (2ull | 4 | 8 | 64)	/* fork, remap, remove, unmap */
#define HAS_HUGE 16ull
#define HAS_SHMEM 32ull
#define HAS_MINOR_HUGE (1ull << 9)
#define HAS_MINOR_SHMEM (1ull << 10)
#define HAS_WP_FILES (1ull << 12)

static uint64_t there;	/* features */
static size_t huge;
static int uffd;
static unsigned long events;
static uint64_t last;	/* an unmapping here is the last event */

static uint64_t open_uffd(uint64_t features)
{
	struct api api = { 0xaa, features, 0 };

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0 && errno == ENOSYS)
		km_absent("no userfaultfd in this kernel");
	must(uffd >= 0 && !ioctl(uffd, DO_API, &api));
	return api.features;
}

static uint64_t watch(char *p, size_t size, uint64_t mode)
{
	struct reg reg = { { (uintptr_t)p, size }, mode, 0 };

	must(!ioctl(uffd, DO_REGISTER, &reg));
	return reg.ioctls;
}

static void unwatch(char *p, size_t size)
{
	struct range range = { (uintptr_t)p, size };

	must(!ioctl(uffd, DO_WAKE, &range) && !ioctl(uffd, DO_UNREGISTER, &range));
}

static void copy_in(char *to, const char *from, size_t size, uint64_t mode)
{
	struct copy copy = { (uintptr_t)to, (uintptr_t)from, size, mode, 0 };

	must(!ioctl(uffd, DO_COPY, &copy) && copy.done == (int64_t)size);
	refused(ioctl(uffd, DO_COPY, &copy), EEXIST);
}

static void protect(char *p, size_t size, uint64_t mode)
{
	struct protect one = { { (uintptr_t)p, size }, mode };

	must(!ioctl(uffd, DO_PROTECT, &one));
}

/* Missing pages are put, half as copies and half zeros; then protected and not. */
static void missing(int flags, int fd, size_t page, size_t pages, const char *from)
{
	size_t size = page * pages;
	char *p = km_map(NULL, size, RW, flags, fd);
	uint64_t mode = MISSING;
	struct zero zero = { { (uintptr_t)p + size / 2, size / 2 }, 0, 0 };
	uint64_t can;

	if (page == page_size)
		madvise(p, size, MADV_NOHUGEPAGE);
	if (there & HAS_WP && ((flags & MAP_ANONYMOUS && page == page_size) || there & HAS_WP_FILES))
		mode |= WP;
	can = watch(p, size, mode);
	if (mode & WP)
		protect(p, size, 1);	/* of pages that are not there: markers, in files */
	if (mode & WP)
		protect(p, size, 0);
	copy_in(p, from, size / 2, 0);
	if (can & 1 << 4)
		must(!ioctl(uffd, DO_ZEROPAGE, &zero) && zero.done == (int64_t)size / 2);
	else
		copy_in(p + size / 2, from, size / 2, mode & WP ? 2 : 0);
	must(*(volatile uint64_t *)p == 1);
	must(*(volatile uint64_t *)(p + size / 2) == (can & 1 << 4 ? 0 : 1));
	if (mode & WP) {
		protect(p, size, 1);
		protect(p, size, 0);
	}
	*(volatile uint64_t *)(p + size / 2) = 9;
	unwatch(p, size);
	must(*(volatile uint64_t *)(p + size / 2) == 9 && !munmap(p, size));
}

/* What the file has already: it is put into the page tables. */
static void minor(int fd, size_t page, size_t pages)
{
	size_t size = page * pages;
	char *p = km_map(NULL, size, RW, MAP_SHARED, fd), *q = km_map(NULL, size, RW, MAP_SHARED, fd);
	struct zero one = { { (uintptr_t)q, size }, 0, 0 };

	for (size_t i = 0; i < pages; i++)
		*(volatile uint64_t *)(p + i * page) = i + 3;
	watch(q, size, MINOR);
	must(!ioctl(uffd, DO_CONTINUE, &one) && one.done == (int64_t)size);
	refused(ioctl(uffd, DO_CONTINUE, &one), EEXIST);
	for (size_t i = 0; i < pages; i++)
		must(*(volatile uint64_t *)(q + i * page) == i + 3);
	unwatch(q, size);
	must(!munmap(p, size) && !munmap(q, size));
}

static void of_kinds(const char *from)
{
	int fd = memfd_create("uffd", 0);

	open_uffd(there & ~EVENTS);
	missing(ANON, -1, page_size, PAGES, from);
	if (there & HAS_SHMEM) {
		must(!ftruncate(fd, PAGES * page_size));
		missing(MAP_SHARED, fd, page_size, PAGES, from);
		must(!ftruncate(fd, 0) && !ftruncate(fd, PAGES * page_size));
		missing(MAP_PRIVATE, fd, page_size, PAGES, from);
	}
	if (there & HAS_MINOR_SHMEM)
		minor(fd, page_size, PAGES);
	must(!close(fd) && !close(uffd));
}

static void of_huge(const char *from)
{
	int fd = memfd_create("uffd", MFD_HUGETLB);

	open_uffd(there & ~EVENTS);
	must(fd >= 0 && !ftruncate(fd, 2 * huge));
	missing(MAP_SHARED, fd, huge, 2, from);
	must(!ftruncate(fd, 0) && !ftruncate(fd, 2 * huge));
	if (there & HAS_MINOR_HUGE)
		minor(fd, huge, 2);
	must(!close(fd));
	missing(ANON | MAP_HUGETLB, -1, huge, 2, from);
	must(!close(uffd));
}

static void *read_events(void *unused)
{
	struct message message;
	uint32_t forked;

	while (read(uffd, &message, sizeof(message)) == sizeof(message)) {
		__atomic_add_fetch(&events, 1, __ATOMIC_SEQ_CST);
		memcpy(&forked, &message.a, sizeof(forked));
		if (message.event == 0x13)	/* fork: the child's userfaultfd */
			close(forked);
		if (message.event == 0x16 && message.a == last)	/* unmap; a move has one, too */
			break;
	}
	return unused;
}

static void of_events(void)
{
	size_t size = PAGES * page_size;
	unsigned long before = events;
	pthread_t thread;
	int status;
	char *p, *q;
	pid_t pid;

	open_uffd(EVENTS);
	p = anonymous(PAGES);
	km_fill(p, PAGES);
	watch(p, size, MISSING);
	last = (uintptr_t)p - ((size_t)1 << 32);
	errno = pthread_create(&thread, NULL, read_events, NULL);
	must(!errno);
	pid = fork();
	if (!pid)
		_exit(0);
	must(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
	q = mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, p - ((size_t)1 << 32));
	must(q == p - ((size_t)1 << 32) && !km_unlike(q, PAGES));
	must(!madvise(q, size / 2, MADV_DONTNEED));
	must(!munmap(q, size));
	errno = pthread_join(thread, NULL);
	must(!errno && events >= before + 4 && !close(uffd));
}

int main(int argc, char **argv)
{
	char *from;

	begin_program(argc, argv);
	there = open_uffd(0);
	close(uffd);
	there &= HAS_WP | EVENTS | HAS_HUGE | HAS_SHMEM | HAS_MINOR_HUGE | HAS_MINOR_SHMEM | HAS_WP_FILES;
	if (there & HAS_HUGE)
		huge = huge_pool(HUGE_PAGES);
	km_batch();
	from = anonymous(huge ? huge / page_size * 2 : PAGES);
	km_fill(from, huge ? huge / page_size * 2 : PAGES);
	*(volatile uint64_t *)(from + huge) = 1;
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			of_kinds(from);
			if (huge && i % 12 == 0)
				of_huge(from);
			if ((there & EVENTS) == EVENTS && i % 4 == 0)
				of_events();
		}
		km_end(ROUNDS);
	}
	return km_finish();
}
