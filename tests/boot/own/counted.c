// SPDX-License-Identifier: GPL-2.0-or-later
/* The interface of will-it-scale's test cases: private memory, given back as soon as it was written to. */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGES 256

char *testcase_description = "write to a page, drop it";

static char *memory;

void testcase_prepare(unsigned long tasks)
{
	assert(tasks == 1);
	memory = mmap(NULL, PAGES << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert(memory != MAP_FAILED);
}

void testcase_cleanup(void)
{
	if (munmap(memory, PAGES << 12))
		abort();
}

void testcase(unsigned long long *iterations, unsigned long nr)
{
	for (;;) {
		for (int i = 0; i < PAGES; i++) {
			memory[i << 12] = nr + 1;
			(*iterations)++;
		}
		assert(!madvise(memory, PAGES << 12, MADV_DONTNEED));
	}
}
