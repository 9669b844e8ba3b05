// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process with populated anonymous pages forks children that exit at once: dup_mmap(), copy_page_range() and
 * copy_present_pte(), exit_mmap(), unmap_vmas(), free_pgtables().
 */
#include "../common.h"

#define PAGES 2000
#define CHILDREN 20

static size_t page_size;

static unsigned char content(size_t page)
{
	return page % 251 + 1;
}

static unsigned char *populated(void)
{
	unsigned char *p = km_anonymous(PAGES * page_size);

	for (size_t i = 0; i < PAGES; i++)
		p[i * page_size] = content(i);
	return p;
}

/* The child tells one page's content by its status. */
static int fork_and_wait(const unsigned char *p, size_t page)
{
	pid_t child = fork();

	if (child < 0)
		km_fail("fork");
	if (!child)
		_exit(p[page * page_size]);
	return status_of(child);
}

/* A child has all pages, and what it writes is its own. */
static void check_copy(unsigned char *p)
{
	pid_t child = fork();

	if (child < 0)
		km_fail("fork");
	if (!child) {
		for (size_t i = 0; i < PAGES; i++)
			if (p[i * page_size]++ != content(i))
				_exit(1);
		_exit(0);
	}
	if (status_of(child))
		km_fail("a child does not have its parent's memory");
	for (size_t i = 0; i < PAGES; i++)
		if (p[i * page_size] != content(i))
			km_fail("page %zu is not what it was before the forks", i);
}

int main(int argc, char **argv)
{
	page_size = km_page_size();
	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = populated();
		int wrong = 0;

		km_begin();
		for (size_t i = 0; i < CHILDREN; i++)
			wrong += fork_and_wait(p, i * (PAGES / CHILDREN)) != content(i * (PAGES / CHILDREN));
		km_end(CHILDREN);
		if (wrong)
			km_fail("%d children of %d did not exit with their page's content", wrong, CHILDREN);
		check_copy(p);
		munmap(p, PAGES * page_size);
	}
	return km_finish();
}
