// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The zero page is mapped by UFFDIO_ZEROPAGE before anybody faults: mfill_zeropage_pte(),
 * mfill_atomic_pte_zeropage().
 */
#include "../common.h"

#define PAGES 8192

int main(int argc, char **argv)
{
	size_t size;

	km_start(argc, argv);
	uffd_set_up(0, "");
	size = PAGES * page_size;
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		uint64_t sum = 0;

		watch(p, size, REGISTER_MISSING);
		km_begin();
		for (size_t i = 0; i < size; i += page_size) {
			struct uffd_zeropage zero = { { (uintptr_t)p + i, page_size }, 0, 0 };

			if (ioctl(uffd, DO_ZEROPAGE, &zero) || zero.done != (int64_t)page_size)
				km_fail("UFFDIO_ZEROPAGE");
		}
		km_end(PAGES);
		for (size_t i = 0; i < size; i += page_size)	/* what is not there would be waited for without end */
			sum |= *(volatile uint64_t *)(p + i);
		if (sum)
			km_fail("a zero page holds something else");
		munmap(p, size);
	}
	return km_finish();
}
