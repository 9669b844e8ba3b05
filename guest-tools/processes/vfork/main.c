// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Children that share their parent's memory and exit at once: copy_process() without dup_mmap(), alloc_pid(),
 * mm_release(), mmput(), release_task(); slabs and stacks of tasks.
 */
#include "../common.h"

#define CHILDREN 200
#define STATUS 3

static volatile int ran;	/* children add to it: the memory is the same */

static int vfork_and_wait(void)
{
	pid_t child = vfork();

	if (child < 0)
		km_fail("vfork");
	if (!child) {
		ran++;
		_exit(STATUS);
	}
	return status_of(child);
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	while (km_pass()) {
		int wrong = 0;

		ran = 0;
		km_begin();
		for (int i = 0; i < CHILDREN; i++)
			wrong += vfork_and_wait() != STATUS;
		km_end(CHILDREN);
		if (wrong || ran != CHILDREN)
			km_fail("%d of %d children ran, %d with a wrong status", ran, CHILDREN, wrong);
	}
	return km_finish();
}
