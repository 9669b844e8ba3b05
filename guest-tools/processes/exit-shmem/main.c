// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes with a large populated shared mapping exit: exit_mmap(), zap_pte_range() of dirty file pages,
 * page_remove_rmap() or folio_remove_rmap_ptes(), tlb_flush_mmu(), free_pgtables().
 */
#include "../common.h"

#define PAGES 8192
#define CHILDREN 6
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

static void close_pipes(void)
{
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

int main(int argc, char **argv)
{
	page_size = km_page_size();
	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = km_shmem(PAGES * page_size);
		int wrong = 0;

		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = 1;
		start_children(p);
		km_check_pages(p, PAGES, KM_EXCLUSIVE, 0);	/* the children have them, too */
		km_begin();
		for (int i = 0; i < CHILDREN; i++)
			wrong += end_one() != STATUS;
		km_end(PAGES * CHILDREN);
		if (wrong)
			km_fail("%d children of %d did not exit as told", wrong, CHILDREN);
		km_check_pages(p, PAGES, KM_EXCLUSIVE, PAGES);
		close_pipes();
		munmap(p, PAGES * page_size);
	}
	return km_finish();
}
