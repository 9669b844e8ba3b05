// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Punches holes into a file of tmpfs, every other 16 pages: shmem_fallocate(), unmap_mapping_range(),
 * shmem_undo_range(), find_lock_entries(), filemap_remove_folio().
 */
#include "../common.h"

#define HOLES 512
#define HOLE 16	/* pages, and as many are left between two */
#define PAGES (HOLES * HOLE * 2)

#ifndef FALLOC_FL_PUNCH_HOLE
#define FALLOC_FL_KEEP_SIZE 1
#define FALLOC_FL_PUNCH_HOLE 2
#endif

static int punch(int fd, size_t hole, size_t page_size)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, hole * HOLE * 2 * page_size, HOLE * page_size);
}

static void try_it(size_t page_size)
{
	int fd = km_memfd(HOLE * page_size);

	if (punch(fd, 0, page_size)) {
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			km_absent("tmpfs has no FALLOC_FL_PUNCH_HOLE in this kernel");
		km_fail("fallocate(FALLOC_FL_PUNCH_HOLE)");
	}
	close(fd);
}

/* What was punched is not there and reads as zeros, and the rest is what it was. */
static void check(int fd, size_t page_size)
{
	struct stat status;
	uint64_t word;

	if (fstat(fd, &status) || (size_t)status.st_blocks * 512 != PAGES / 2 * page_size)
		km_fail("the file has %lld blocks", (long long)status.st_blocks);
	check_resident(fd, PAGES * page_size, PAGES / 2);
	for (size_t i = 0; i < PAGES; i++) {
		uint64_t expected = i / HOLE % 2 ? word_of(i, 9) : 0;

		if (pread(fd, &word, sizeof(word), i * page_size) != sizeof(word) || word != expected)
			km_fail("page %zu does not hold what it should", i);
	}
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();

	km_start(argc, argv);
	try_it(page_size);
	while (km_pass()) {
		int fd = km_memfd(PAGES * page_size), failed = 0;

		touch_file(fd, PAGES * page_size, 9);
		km_begin();
		for (size_t i = 0; i < HOLES; i++)
			failed |= punch(fd, i, page_size);
		km_end(HOLES);
		if (failed)
			km_fail("fallocate(FALLOC_FL_PUNCH_HOLE)");
		check(fd, page_size);
		close(fd);
	}
	return km_finish();
}
