// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Linked to workloads (by --wrap) for guests in which allocations can fail: with KM_FAIL=N in the environment, the N-th
 * allocation that this thread asks for in its region fails, once. Whether there was one is said on standard error.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmatrix.h"

void __real_km_begin(void);
void __real_km_end(unsigned long units);
void __wrap_km_begin(void);
void __wrap_km_end(unsigned long units);

static int nth = -1;

static void set(const char *number)
{
	if (nth >= 0 && pwrite(nth, number, strlen(number), 0) < 0)
		km_fail("/proc/thread-self/fail-nth");
}

/* As a thread: the link is another for each. */
void __wrap_km_begin(void)
{
	const char *number = getenv("KM_FAIL");

	if (number && nth < 0) {
		nth = open("/proc/thread-self/fail-nth", O_RDWR);
		if (nth < 0)
			km_fail("this kernel cannot make allocations fail");
	}
	__real_km_begin();
	if (number)
		set(number);
}

void __wrap_km_end(unsigned long units)
{
	char left[16] = "";

	if (nth >= 0) {
		if (pread(nth, left, sizeof(left) - 1, 0) > 0 && atoi(left) > 0)
			fputs("kmatrix: fewer allocations\n", stderr);
		set("0");
	}
	__real_km_end(units);
}
