/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the workloads that look at another process: a child with memory that it has just used, and with nothing mapped by
 * us afterwards (km_begin() maps memory, and not the same each time).
 */
#ifndef ADDRESS_SPACE_CHILD_H
#define ADDRESS_SPACE_CHILD_H

#include <signal.h>

#include "madvised.h"

static int orders[2], answers[2];	/* pipes: "use the pages", where they are */
static pid_t child;

/* Some pages at the start are written and used; the others are never touched. */
static inline void be_child(size_t pages, size_t used)
{
	char *p = km_map(NULL, pages * page_size, RW, ANONYMOUS, -1), order;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(orders[1]);	/* so that the end of our parent is the end of the pipe */
	km_small_pages(p, pages * page_size);
	do {
		for (size_t i = 0; i < used; i++)
			((volatile uint64_t *)(p + i * page_size))[1]++;
		use_pages(p, used);
		if (write(answers[1], &p, sizeof(p)) != sizeof(p))
			_exit(1);
	} while (read(orders[0], &order, 1) == 1);
	_exit(0);
}

/* Before start(): afterwards no page is shared with it. */
static inline void start_child(size_t pages, size_t used)
{
	page_size = km_page_size();
	if (pipe(orders) || pipe(answers))
		km_fail("pipe");
	child = fork();
	if (child < 0)
		km_fail("fork");
	if (!child)
		be_child(pages, used);
	close(answers[1]);
}

/* The child's pages have just been used again: where they are. */
static inline char *when_used(void)
{
	char *p;

	if (read(answers[0], &p, sizeof(p)) != sizeof(p))
		km_fail("the child has ended");
	return p;
}

static inline void use_again(void)
{
	if (write(orders[1], "", 1) != 1)
		km_fail("the child has ended");
}

/* What smaps says of the child's memory. */
static inline void expect_of_child(const char *p, const char *field, size_t pages)
{
	char path[64];
	long kib;

	snprintf(path, sizeof(path), "/proc/%d/smaps", child);
	kib = smaps_kib(path, p, field);
	if (kib >= 0 && (size_t)kib != pages * page_size / 1024)
		km_fail("%s of the child's VMA is %ld KiB instead of %zu", field, kib, pages * page_size / 1024);
}

#endif
