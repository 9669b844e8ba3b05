// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * __get_user_pages() of small, huge, hugetlb, shared and file pages, fast and slow: gup_huge_pmd(), record_subpages(),
 * follow_hugetlb_page(), get_user_pages(), dump_pages_test(), vmsplice() with SPLICE_F_GIFT.
 */
#include <sys/klog.h>
#include <sys/uio.h>

#include "../common.h"

#define ROUNDS 6
#define PAGES 128
#define HUGE_PAGES 2

struct gup_test {	/* mm/gup_test.h */
	uint64_t get_delta_usec, put_delta_usec, addr, size;
	uint32_t nr_pages_per_call, gup_flags, test_flags, which_pages[8];
};

static int gup_fd;

static void get(int number, char *p, size_t pages, unsigned int flags)
{
	struct gup_test test = { .addr = (uintptr_t)p, .size = pages * page_size, .nr_pages_per_call = 32, .gup_flags = flags };

	must(!ioctl(gup_fd, _IOWR('g', number, struct gup_test), &test) && test.size == pages * page_size);
}

static void dump(char *p, unsigned int pinned)
{
	struct gup_test test = { .addr = (uintptr_t)p, .size = 4 * page_size, .nr_pages_per_call = 4, .test_flags = pinned };

	test.which_pages[0] = 1;
	test.which_pages[1] = 3;
	must(!ioctl(gup_fd, _IOWR('g', 6, struct gup_test), &test));
}

static void all_ways(char *p, size_t pages)
{
	for (int number = 1; number <= 5; number++) {
		get(number, p, pages, 0);
		get(number, p, pages, 1);	/* FOLL_WRITE */
	}
}

static void fresh_and_all(int flags, int fd, size_t size, int advice)
{
	char *p = km_map(NULL, size, RW, flags, fd);

	madvise(p, size, advice);
	errno = 0;
	get(4, p, PAGES, 1);	/* they are not there yet */
	all_ways(p, PAGES);
	must(!munmap(p, size));
}

/* Read only, and forced: each is copied. */
static void forced(void)
{
	char *p = anonymous(PAGES);

	km_fill(p, PAGES);
	must(!mprotect(p, PAGES * page_size, PROT_READ));
	get(4, p, PAGES, 0x10);	/* FOLL_FORCE */
	get(4, p, PAGES, 0);
	get(5, p, PAGES, 0);
	must(!km_unlike(p, PAGES) && !munmap(p, PAGES * page_size));
}

static void gift(void)
{
	char *p = anonymous(8), text[8];
	struct iovec v = { p, 8 * page_size };
	int ends[2], file = open("/tmp/gift", O_CREAT | O_RDWR | O_TRUNC, 0600);

	km_fill(p, 8);
	must(!pipe(ends) && vmsplice(ends[1], &v, 1, SPLICE_F_GIFT) == (ssize_t)v.iov_len);
	must(splice(ends[0], NULL, file, NULL, v.iov_len, SPLICE_F_MOVE) == (ssize_t)v.iov_len);
	must(pread(file, text, 8, 7 * page_size) == 8 && *(uint64_t *)text == km_word(7));
	must(!close(ends[0]) && !close(ends[1]) && !close(file) && !unlink("/tmp/gift") && !munmap(p, 8 * page_size));
}

int main(int argc, char **argv)
{
	size_t size, huge;
	int files[2];

	begin_program(argc, argv);
	size = PAGES * page_size;
	km_has_debugfs();
	gup_fd = open(KM_DEBUGFS "gup_test", O_RDWR);
	if (gup_fd < 0)
		km_absent("no gup_test in this kernel");
	huge = huge_pool(HUGE_PAGES);
	klogctl(8, NULL, 1);	/* not to the console */
	while (km_pass()) {
		files[0] = memfd_create("gup", 0);
		files[1] = huge ? memfd_create("gup", MFD_HUGETLB) : -1;
		must(!ftruncate(files[0], size) && (!huge || !ftruncate(files[1], huge)));
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			fresh_and_all(ANON, -1, size, MADV_NOHUGEPAGE);
			fresh_and_all(MAP_SHARED, files[0], size, MADV_NOHUGEPAGE);
			fresh_and_all(MAP_PRIVATE, files[0], size, MADV_NOHUGEPAGE);
			forced();
			gift();
			if (i % 6)
				continue;
			fresh_and_all(ANON, -1, (size_t)4 << 20, MADV_HUGEPAGE);
			if (huge)
				fresh_and_all(MAP_SHARED, files[1], huge, MADV_NORMAL);
			if (huge)
				fresh_and_all(ANON | MAP_HUGETLB, -1, huge, MADV_NORMAL);
		}
		if (huge) {
			char *p = km_map(NULL, huge, RW, MAP_SHARED, files[1]);

			*(volatile char *)p = 1;
			dump(p, 1);
			must(!munmap(p, huge));
		}
		km_end(ROUNDS);
		must(!close(files[0]) && (!huge || !close(files[1])));
	}
	klogctl(8, NULL, 7);
	return km_finish();
}
