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
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

#define DISK "/dev/ram0"
#define PIECES 8	/* each is written with the same bytes: what is kept of a guest's memory is small */

static size_t page_size, piece, size;
static int shared;
static unsigned char *expected;	/* a piece: what is written, and what the disk holds */

/* What the other process has, which touches nothing of it. */
static void *map_shared(void)
{
	return km_map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, shared);
}

static int fill_disk(void)
{
	int fd = open(DISK, O_RDWR | O_DIRECT);

	if (fd < 0 || pwrite(fd, expected, piece, 0) != (ssize_t)piece)
		km_fail(DISK);
	return fd;
}

static void write_to(pid_t other, void *theirs)
{
	struct iovec from[PIECES], to = { theirs, size };

	for (size_t i = 0; i < PIECES; i++)
		from[i] = (struct iovec){ expected, piece };
	if (process_vm_writev(other, from, PIECES, &to, 1, 0) != (ssize_t)size)
		km_fail("process_vm_writev: not all was written");
}

static void read_from(int disk, unsigned char *direct)
{
	for (size_t i = 0; i < size; i += piece)
		if (pread(disk, direct + i, piece, 0) != (ssize_t)piece)
			km_fail("read with O_DIRECT: not all was read");
}

/* Looks at a word every step bytes: memcmp() takes some emulators longer than all that is measured. */
static void check_same(const unsigned char *p, size_t step, const char *what)
{
	for (size_t i = 0; i < size; i += step)
		if (*(const uint64_t *)(p + i) != *(const uint64_t *)(expected + i % piece))
			km_fail("%s: the word at byte %zu is not what was written", what, i);
}

int main(int argc, char **argv)
{
	size_t step = sizeof(uint64_t);	/* of the first look: at every word; later at one a page */
	unsigned char *seen;
	void *theirs;
	pid_t other;
	int disk;

	page_size = km_page_size();
	piece = page_size * (1024 / KM_LESS);
	size = piece * PIECES;
	shared = km_memfd(0);
	other = km_other(map_shared, &theirs);	/* before km_start(): afterwards no page is shared with it */
	km_start(argc, argv);
	expected = km_map(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	seen = map_shared();
	for (size_t i = 0; i < piece; i += sizeof(long))
		*(long *)(expected + i) = i * 2654435761u + 1;
	disk = fill_disk();
	while (km_pass()) {
		unsigned char *populated = km_shmem(size), *direct = km_shmem(size);

		if (ftruncate(shared, 0) || ftruncate(shared, size))
			km_fail("ftruncate");
		km_begin();
		if (madvise(populated, size, MADV_POPULATE_WRITE))
			km_fail("madvise(MADV_POPULATE_WRITE)");
		write_to(other, theirs);
		read_from(disk, direct);
		km_end(3 * size / page_size);
		km_check_populated(populated, size / page_size);
		check_same(seen, step, "process_vm_writev");
		check_same(direct, step, "read with O_DIRECT");
		step = page_size;
		km_wipe(populated, size, 1);
		km_wipe(seen, size, 1);
		km_wipe(direct, size, 1);
		munmap(populated, size);
		munmap(direct, size);
	}
	close(disk);
	km_end_other(other);
	return km_finish();
}
