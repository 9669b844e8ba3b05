// SPDX-License-Identifier: GPL-2.0-or-later
/* MADV_POPULATE_WRITE on fresh shared memory: madvise_populate(), faultin_page(), shmem_fault(). */
#include <sys/resource.h>

#include "../common.h"

#define PAGES 3072
#define PAGES_A_CALL 64

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Populated means: zero, and writing to it needs no fault. */
static void check_populated(unsigned char *p, size_t size)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < size; i += page_size) {
		if (*(volatile uint64_t *)(p + i))
			km_fail("byte %zu of a fresh page is not zero", i);
		p[i] = 1;
	}
	getrusage(RUSAGE_SELF, &after);
	if (after.ru_minflt != before.ru_minflt || after.ru_majflt != before.ru_majflt)
		km_fail("writing to populated memory took faults");
}

int main(int argc, char **argv)
{
	size_t size, step;
	void *one;

	km_start(argc, argv);
	page_size = sysconf(_SC_PAGESIZE);
	size = PAGES * page_size;
	step = PAGES_A_CALL * page_size;
	one = km_shmem(page_size);
	if (madvise(one, page_size, MADV_POPULATE_WRITE)) {
		if (errno == EINVAL)
			km_absent("this kernel has no MADV_POPULATE_WRITE");
		km_fail("madvise(MADV_POPULATE_WRITE)");
	}
	while (km_pass()) {
		unsigned char *p = km_shmem(size);

		madvise(p, size, MADV_NOHUGEPAGE);
		km_begin();
		for (size_t i = 0; i < size; i += step)
			if (madvise(p + i, step, MADV_POPULATE_WRITE))
				km_fail("madvise(MADV_POPULATE_WRITE)");
		km_end(PAGES);
		check_populated(p, size);
		km_wipe(p, size, page_size);
		munmap(p, size);
	}
	return km_finish();
}
