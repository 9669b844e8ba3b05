// SPDX-License-Identifier: GPL-2.0-or-later
/* A system call that does next to nothing: the way into the kernel and back, which is a part of all other workloads. */
#include <sys/syscall.h>

#include "../common.h"

#define CALLS 20000

int main(int argc, char **argv)
{
	long parent = getppid();

	km_start(argc, argv);
	while (km_pass()) {
		long right = 0;

		km_begin();
		for (int i = 0; i < CALLS; i++)
			right += syscall(SYS_getppid) == parent;
		km_end(CALLS);
		if (right != CALLS)
			km_fail("%ld of %d calls told the parent's number", right, CALLS);
	}
	return km_finish();
}
