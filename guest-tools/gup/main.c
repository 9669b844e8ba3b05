// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel itself touches pages of fresh shared memory (claim C4), three ways to faultin_page():
 *
 *	madvise(MADV_POPULATE_WRITE)	faultin_vma_page_range(), lock dropped and taken again in madvise
 *	process_vm_writev()		pin_user_pages_remote(), another process's memory
 *	read() with O_DIRECT		get_user_pages_fast(), a disk's driver writes into the pages
 *
 * Each must do its work, and the bytes must be right. The disk is in memory: it keeps no time of its own.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmatrix.h"

#define DISK "/dev/ram0"

static size_t page_size, size;
static unsigned char *expected;	/* what is written, and what the disk holds */

/* Another process: it maps the file, does nothing and touches nothing. */
static pid_t start_other(int fd, void **where)
{
	pid_t parent = getpid();
	int ready[2];
	pid_t pid;

	if (pipe(ready))
		km_fail("pipe");
	pid = fork();
	if (pid < 0)
		km_fail("fork");
	if (!pid) {
		*where = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ready[1], where, sizeof(*where)) != sizeof(*where) || getppid() != parent)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ready[0], where, sizeof(*where)) != sizeof(*where) || *where == MAP_FAILED)
		km_fail("the other process has no memory");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static int fill_disk(void)
{
	int fd = open(DISK, O_RDWR | O_DIRECT);

	if (fd < 0 || pwrite(fd, expected, size, 0) != (ssize_t)size)
		km_fail(DISK);
	return fd;
}

/* No page of it is there any more. */
static void make_fresh(int shared, void *populated, void *direct)
{
	if (ftruncate(shared, 0) || ftruncate(shared, size))
		km_fail("ftruncate");
	if (madvise(populated, size, MADV_REMOVE) || madvise(direct, size, MADV_REMOVE))
		km_fail("madvise(MADV_REMOVE)");
}

/* Populated means: there, zero, and writing to it needs no fault. */
static void check_populated(unsigned char *p)
{
	struct rusage before, after;

	for (size_t i = 0; i < size; i += page_size)
		if (p[i])
			km_fail("byte %zu of a fresh page is not zero", i);
	getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < size; i += page_size)
		p[i] = 1;
	getrusage(RUSAGE_SELF, &after);
	if (after.ru_minflt != before.ru_minflt || after.ru_majflt != before.ru_majflt)
		km_fail("writing to populated memory took faults");
}

static void check_same(const unsigned char *p, const char *what)
{
	if (memcmp(p, expected, size))
		km_fail("%s: the bytes are not those that were written", what);
}

int main(int argc, char **argv)
{
	int shared = memfd_create("gup", 0), disk;
	unsigned char *seen;
	void *theirs;
	pid_t other;
	long rounds;

	page_size = sysconf(_SC_PAGESIZE);
	size = page_size * 1024;
	other = start_other(shared, &theirs);	/* before km_start(): afterwards no page is shared with it */
	km_start(argc, argv);
	rounds = km_option("rounds", 24);
	expected = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	seen = mmap(NULL, size, PROT_READ, MAP_SHARED, shared, 0);
	if (shared < 0 || expected == MAP_FAILED || seen == MAP_FAILED)
		km_fail("memory to start with");
	for (size_t i = 0; i < size; i += sizeof(long))
		*(long *)(expected + i) = i * 2654435761u + 1;
	disk = fill_disk();
	while (km_pass()) {
		struct iovec from = { expected, size }, to = { theirs, size };
		unsigned char *populated = km_shmem(size), *direct = km_shmem(size);

		km_begin();
		for (long i = 0; i < rounds; i++) {
			make_fresh(shared, populated, direct);
			if (madvise(populated, size, MADV_POPULATE_WRITE))
				km_fail("madvise(MADV_POPULATE_WRITE)");
			if (process_vm_writev(other, &from, 1, &to, 1, 0) != (ssize_t)size)
				km_fail("process_vm_writev: not all was written");
			if (pread(disk, direct, size, 0) != (ssize_t)size)
				km_fail("read with O_DIRECT: not all was read");
		}
		km_end(3 * rounds * size / page_size);
		check_populated(populated);
		check_same(seen, "process_vm_writev");
		check_same(direct, "read with O_DIRECT");
		munmap(populated, size);
		munmap(direct, size);
	}
	close(disk);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return km_finish();
}
