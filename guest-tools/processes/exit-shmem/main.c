// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes with a large populated shared mapping exit: exit_mmap(), zap_pte_range() of dirty file pages,
 * page_remove_rmap() or folio_remove_rmap_ptes(), tlb_flush_mmu(), free_pgtables().
 */
#include <fcntl.h>

#include "../common.h"

#define PAGES 8192
#define CHILDREN 6
#define EXCLUSIVE (1ull << 56)	/* bit of /proc/PID/pagemap: nobody else has the page mapped */
#define STATUS 7

static size_t page_size;
static int ready[2], go[2];

/* Page tables of a shared mapping are not copied by fork(): it writes to each page itself. */
static void child_main(unsigned char *p)
{
	char byte = 0;

	close(go[1]);
	for (size_t i = 0; i < PAGES; i++)
		p[i * page_size] = 1;
	if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
		_exit(1);
	_exit(STATUS);
}

static void start_children(unsigned char *p)
{
	char byte;

	if (pipe(ready) || pipe(go))
		km_fail("pipe");
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();

		if (child < 0)
			km_fail("fork");
		if (!child)
			child_main(p);
		if (read(ready[0], &byte, 1) != 1)
			km_fail("a child has ended early");
	}
}

static int end_one(void)
{
	int status;

	if (write(go[1], "", 1) != 1 || wait(&status) < 0 || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Pages that nobody but us has mapped; -1 if the kernel does not tell. */
static long exclusive(const unsigned char *p, uint64_t *entries)
{
	off_t where = (uintptr_t)p / page_size * sizeof(*entries);
	int fd = open("/proc/self/pagemap", O_RDONLY);
	long count = 0;

	if (fd < 0) {
		km_note("whether the children's pages were unmapped is not known: there is no /proc/self/pagemap");
		return -1;
	}
	if (pread(fd, entries, PAGES * sizeof(*entries), where) != PAGES * sizeof(*entries))
		km_fail("/proc/self/pagemap: cannot be read");
	close(fd);
	for (size_t i = 0; i < PAGES; i++)
		count += !!(entries[i] & EXCLUSIVE);
	return count;
}

static void close_pipes(void)
{
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

int main(int argc, char **argv)
{
	uint64_t *entries;

	page_size = sysconf(_SC_PAGESIZE);
	km_start(argc, argv);
	entries = km_shmem(PAGES * sizeof(*entries));
	while (km_pass()) {
		unsigned char *p = km_shmem(PAGES * page_size);
		long alone;
		int wrong = 0;

		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = 1;
		start_children(p);
		if (exclusive(p, entries) > 0)
			km_fail("not all pages are mapped by the children");
		km_begin();
		for (int i = 0; i < CHILDREN; i++)
			wrong += end_one() != STATUS;
		km_end(PAGES * CHILDREN);
		if (wrong)
			km_fail("%d children of %d did not exit as told", wrong, CHILDREN);
		alone = exclusive(p, entries);
		if (alone >= 0 && alone != PAGES)
			km_fail("%ld pages are mapped still by others", PAGES - alone);
		close_pipes();
		munmap(p, PAGES * page_size);
	}
	return km_finish();
}
