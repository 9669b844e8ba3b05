// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * userfaultfd on huge pages of hugetlb: hugetlb_mcopy_atomic_pte(), hugetlb_handle_userfault(),
 * hugetlb_change_protection() with write protection, UFFDIO_CONTINUE of what is in the page cache. Faults are the
 * kernel's own, of read() into the memory: with UFFD_FEATURE_SIGBUS they end as EFAULT, and nobody has to wait.
 */
#include "../common.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#ifndef UFFD_FEATURE_MINOR_HUGETLBFS
#define UFFD_FEATURE_MINOR_HUGETLBFS (1 << 9)
#define UFFDIO_REGISTER_MODE_MINOR ((__u64)1 << 2)
struct uffdio_continue {
	struct uffdio_range range;
	__u64 mode;
	__s64 mapped;
};
#define UFFDIO_CONTINUE _IOWR(0xAA, 0x07, struct uffdio_continue)
#endif
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)
#endif

#define PAGES 8
#define EACH 3	/* of private and of shared memory */
#define FEATURES (UFFD_FEATURE_MISSING_HUGETLBFS | UFFD_FEATURE_SIGBUS)

static size_t huge;
static char *area, *source;
static int zeros;
static bool has_wp, has_minor;

static int open_uffd(__u64 features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd >= 0 && ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);
		return -1;
	}
	return uffd;
}

static void watch(int uffd, __u64 mode)
{
	struct uffdio_register reg = { .range = { (uintptr_t)area, EACH * huge }, .mode = mode };

	must(!ioctl(uffd, UFFDIO_REGISTER, &reg));
}

static bool faults(char *p)
{
	bool failed = read(zeros, p, 1) < 0 && errno == EFAULT;

	errno = 0;
	return failed;
}

static void protect(int uffd, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)area, EACH * huge }, .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	must(!ioctl(uffd, UFFDIO_WRITEPROTECT, &wp));
}

static void copy(int uffd)
{
	struct uffdio_copy copy = { .dst = (uintptr_t)area, .src = (uintptr_t)source, .len = EACH * huge };

	must(!ioctl(uffd, UFFDIO_COPY, &copy) && copy.copy == (__s64)(EACH * huge));
}

static void missing_and_wp(int flags, int fd)
{
	__u64 wp = has_wp ? UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_PAGEFAULT_FLAG_WP : 0;
	int uffd = open_uffd(FEATURES | wp);

	must(uffd >= 0);
	km_map(area, EACH * huge, RW, flags | MAP_HUGETLB | MAP_FIXED, fd);
	watch(uffd, UFFDIO_REGISTER_MODE_MISSING | (has_wp ? UFFDIO_REGISTER_MODE_WP : 0));
	must(faults(area) && faults(area + huge));
	if (has_wp)
		protect(uffd, true);	/* of pages that are not there */
	copy(uffd);
	must(area[7] == source[7] && area[huge + 7] == source[huge + 7]);
	if (has_wp) {
		protect(uffd, true);
		must(faults(area));
		must(!mprotect(area, EACH * huge, PROT_READ) && !mprotect(area, EACH * huge, RW));
		protect(uffd, false);
	}
	must(!faults(area) && !area[0]);
	must(!madvise(area, huge, MADV_DONTNEED));
	close(uffd);
	must(!munmap(area, EACH * huge));
}

static void minor(int fd)
{
	struct uffdio_continue more = { .range = { (uintptr_t)area, EACH * huge } };
	int uffd = open_uffd(UFFD_FEATURE_MINOR_HUGETLBFS | UFFD_FEATURE_SIGBUS);

	must(uffd >= 0);
	km_map(area, EACH * huge, RW, MAP_SHARED | MAP_HUGETLB | MAP_FIXED, fd);
	watch(uffd, UFFDIO_REGISTER_MODE_MINOR);
	must(faults(area));
	must(!ioctl(uffd, UFFDIO_CONTINUE, &more) && more.mapped == (__s64)(EACH * huge));
	must(!faults(area));
	close(uffd);
	must(!munmap(area, EACH * huge));
}

static void round_of_steps(void)
{
	int fd = memfd_create("uffd", MFD_HUGETLB);

	must(fd >= 0 && !ftruncate(fd, EACH * huge));
	missing_and_wp(ANONYMOUS, -1);
	missing_and_wp(MAP_SHARED, fd);
	if (has_minor) {
		must(!fallocate(fd, 0, 0, EACH * huge));
		minor(fd);
	}
	close(fd);
}

static void prepare(void)
{
	int uffd;

	huge = km_hugetlb_pool(PAGES);
	uffd = open_uffd(FEATURES);
	if (uffd < 0)
		km_absent("this kernel has no userfaultfd for hugetlb");
	close(uffd);
	uffd = open_uffd(FEATURES | UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
	has_wp = uffd >= 0;
	close(uffd);
	uffd = open_uffd(FEATURES | UFFD_FEATURE_MINOR_HUGETLBFS);
	has_minor = uffd >= 0;
	close(uffd);
	zeros = open("/dev/zero", O_RDONLY);
	must(zeros >= 0);
	area = room(EACH * huge, huge);
	source = km_map(NULL, EACH * huge, RW, ANONYMOUS, -1);
	for (size_t i = 0; i < EACH * huge; i += 4096)
		source[i + 7] = i / 4096 % 251 + 1;
	errno = 0;
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	prepare();
	while (km_pass()) {
		km_begin();
		round_of_steps();
		km_end(1);
		errno = 0;
		check_pool(PAGES);
		close_room(area, EACH * huge);
	}
	return km_finish();
}
