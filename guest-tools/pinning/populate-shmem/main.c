// SPDX-License-Identifier: GPL-2.0-or-later
/* MADV_POPULATE_WRITE on fresh shared memory: madvise_populate(), faultin_page(), shmem_fault(). */
#include "../common.h"

#define PAGES 3072
#define PAGES_A_CALL 64

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size, step = PAGES_A_CALL * page_size;
	void *one;

	km_start(argc, argv);
	one = km_shmem(page_size);
	if (madvise(one, page_size, MADV_POPULATE_WRITE)) {
		if (errno == EINVAL)
			km_absent("this kernel has no MADV_POPULATE_WRITE");
		km_fail("madvise(MADV_POPULATE_WRITE)");
	}
	while (km_pass()) {
		unsigned char *p = km_shmem(size);

		km_small_pages(p, size);
		km_begin();
		for (size_t i = 0; i < size; i += step)
			if (madvise(p + i, step, MADV_POPULATE_WRITE))
				km_fail("madvise(MADV_POPULATE_WRITE)");
		km_end(PAGES);
		km_check_populated(p, PAGES);
		km_wipe(p, size, page_size);
		munmap(p, size);
	}
	return km_finish();
}
