// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * memory_failure() of pages of all kinds: anonymous, of a huge page, of shared memory, of a file clean and dirty, in the
 * swap cache, of hugetlbfs, free ones; kill_procs() of who uses them; unpoison_memory() of each.
 */
#include <setjmp.h>
#include <sys/prctl.h>

#include "../zram.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#define FOLDER "/tmp/ramfs"
#define FILE_NAME FOLDER "/file"
#define CORRUPT KM_DEBUGFS "hwpoison/corrupt-pfn"
#define UNPOISON KM_DEBUGFS "hwpoison/unpoison-pfn"
#define FILTER KM_DEBUGFS "hwpoison/corrupt-filter-"
#define SOFT "/sys/devices/system/memory/soft_offline_page"
#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"
#define PAGEMAP "/proc/self/pagemap"
#define ROUNDS 8
#define PAGES 16

static size_t page_size;
static sigjmp_buf back;
static volatile int signals;
static int pagemap;
static bool hugetlb;

static void bus_error(int number)
{
	(void)number;
	signals++;
	siglongjmp(back, 1);
}

static uint64_t frame_of(const void *p)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)p / page_size * sizeof(entry)) != sizeof(entry))
		km_fail(PAGEMAP ": cannot be read");
	return entry & KM_PRESENT ? entry & KM_PFN : 0;
}

static int unpoison(uint64_t frame)
{
	return !km_put_number(UNPOISON, frame);
}

/* 0 if it can be read. */
static int read_of(const volatile unsigned char *p)
{
	if (sigsetjmp(back, 1))
		return 1;
	return *p & 0;
}

/* MADV_HWPOISON of a page of p. Whether who reads it gets a signal is for the caller to say. */
static int poison(unsigned char *p, bool signal, size_t mapped)
{
	uint64_t frame = frame_of(p);
	int failed = !frame;

	if (!sigsetjmp(back, 1))
		failed += !!madvise(p, page_size, MADV_HWPOISON);
	failed += read_of(p) != signal;
	munmap(p, mapped);
	failed += unpoison(frame);
	return failed;
}

static unsigned char *map_file(int fd, size_t size)
{
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int of_anonymous(bool huge)
{
	unsigned char *p = huge ? huge_page() : km_anonymous(KM_TABLE);

	touch(p, PAGES, page_size);
	return poison(p, true, KM_TABLE);
}

static int of_shared(void)
{
	unsigned char *p = km_shmem(PAGES * page_size);

	touch(p, PAGES, page_size);
	return poison(p, true, PAGES * page_size);
}

/* A clean page is read again; what was written to a dirty one is lost. */
static int of_file(bool dirty)
{
	int fd = open(FILE_NAME, O_RDWR), failed = fd < 0;
	unsigned char *p = map_file(fd, PAGES * page_size);

	if (!p)
		return 1;
	if (dirty)
		touch(p, PAGES, page_size);
	else
		failed += read_of(p);
	failed += poison(p, dirty, PAGES * page_size);
	fsync(fd);
	close(fd);
	return failed;
}

/* By its number, and with the filters on. */
static int of_frame(void)
{
	unsigned char *p = km_anonymous(page_size);
	uint64_t frame;
	int failed = 0;

	touch(p, 1, page_size);
	drain_lru();
	frame = frame_of(p);
	failed += !km_put(FILTER "enable", "1");
	failed += !km_put(FILTER "flags-mask", "16") || !km_put(FILTER "flags-value", "16");
	if (!sigsetjmp(back, 1))
		failed += !km_put_number(CORRUPT, frame);
	km_put(FILTER "flags-mask", "0");
	km_put(FILTER "flags-value", "0");
	km_put(FILTER "enable", "0");
	if (!sigsetjmp(back, 1))
		failed += !km_put_number(CORRUPT, frame);
	failed += !read_of(p);
	munmap(p, page_size);
	failed += unpoison(frame);
	p = km_anonymous(page_size);
	touch(p, 1, page_size);
	frame = frame_of(p);
	munmap(p, page_size);	/* free now, or on the list of a CPU */
	if (km_put_number(CORRUPT, frame))
		failed += unpoison(frame);
	else
		failed += errno != EBUSY;
	return failed;
}

/* The child has the page, and is to be told early. */
static int of_child(void)
{
	unsigned char *p = km_shmem(page_size);
	pid_t child = fork_or_fail();
	uint64_t frame;
	int status;

	if (!child) {
		signal(SIGBUS, SIG_DFL);
		prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
		*p = 1;
		for (;;)
			pause();
	}
	usleep(1000);
	*(volatile unsigned char *)p = 2;
	frame = frame_of(p);
	km_put_number(CORRUPT, frame);
	usleep(1000);
	kill(child, SIGTERM);
	status = wait_for(child);
	munmap(p, page_size);
	return unpoison(frame) + !(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

static int of_swap_cache(void)
{
	unsigned char *p = km_anonymous(PAGES * page_size);
	int failed = 0;
	pid_t child;

	touch(p, PAGES, page_size);
	failed += !!madvise(p, PAGES * page_size, MADV_PAGEOUT);
	child = idle_child();
	usleep(1000);
	failed += read_of(p);	/* in the swap cache: the child has it there still */
	failed += poison(p, false, PAGES * page_size) < 0;
	km_end_other(child);
	return failed;
}

static int of_hugetlb(void)
{
	size_t size = KM_TABLE;
	unsigned char *p;
	uint64_t frame;
	int failed = 0;

	if (!hugetlb)
		return 0;
	failed += !km_put(HUGE_PAGES, "4");	/* the poisoned one is gone */
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p == MAP_FAILED)
		return 1;
	*(volatile unsigned char *)p = 1;
	frame = frame_of(p);
	if (!sigsetjmp(back, 1))
		failed += !!madvise(p, size, MADV_HWPOISON);
	failed += !read_of(p);
	munmap(p, size);
	failed += unpoison(frame);
	return failed;
}

static int of_soft(void)
{
	unsigned char *p = km_anonymous(page_size);
	uint64_t frame;
	int failed;

	touch(p, 1, page_size);
	frame = frame_of(p);
	failed = !km_put_number(SOFT, frame * page_size);
	failed += frame_of(p) == frame;
	munmap(p, page_size);
	return failed + unpoison(frame);
}

static int one_round(int *steps)
{
	steps[0] += of_anonymous(false);
	steps[1] += of_anonymous(true);
	steps[2] += of_shared();
	steps[3] += of_file(false);
	steps[4] += of_file(true);
	steps[5] += of_frame();
	steps[6] += of_child();
	steps[7] += of_swap_cache();
	steps[8] += of_hugetlb();
	steps[9] += of_soft();
	return 10;
}

int main(int argc, char **argv)
{
	page_size = km_page_size();
	km_start(argc, argv);
	pagemap = open_or_absent(PAGEMAP, O_RDONLY);
	if (madvise(NULL, 0, MADV_HWPOISON) && errno == EINVAL)
		km_absent("no MADV_HWPOISON in this kernel");
	km_mount_debugfs();
	if (access(UNPOISON, W_OK))
		km_absent("no hwpoison in debugfs of this kernel");
	no_messages();
	km_mount_ram(FOLDER);
	make_file(FILE_NAME, PAGES * page_size);
	swap_to_zram(4 << 20);
	if (!access(HUGE_PAGES, W_OK)) {
		km_keep(HUGE_PAGES);
		km_write(HUGE_PAGES, "4");
		hugetlb = km_read(HUGE_PAGES) == 4;
	}
	signal(SIGBUS, bus_error);
	errno = 0;
	while (km_pass()) {
		int steps[10] = { 0 }, count = 0;

		km_begin();
		for (int i = 0; i < ROUNDS; i++)
			count = one_round(steps);
		km_end(ROUNDS);
		errno = 0;
		for (int i = 0; i < count; i++)
			if (steps[i])
				km_fail("step %d failed %d times, of all kinds: %d %d %d %d %d %d %d %d %d %d", i, steps[i],
					steps[0], steps[1], steps[2], steps[3], steps[4], steps[5], steps[6], steps[7],
					steps[8], steps[9]);
	}
	return km_finish();
}
