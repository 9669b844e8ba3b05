// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages are filled by UFFDIO_COPY before anybody faults: mcopy_atomic(), mfill_atomic_pte() and what they became. */
#include "../common.h"

#define PAGES 4096

int main(int argc, char **argv)
{
	unsigned char *from;
	size_t size;

	km_start(argc, argv);
	uffd_set_up(0, "");
	size = PAGES * page_size;
	from = filled(PAGES);
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);

		watch(p, size, REGISTER_MISSING);
		km_begin();
		for (size_t i = 0; i < size; i += page_size)
			copy_page((uintptr_t)p + i, (uintptr_t)from + i);
		km_end(PAGES);
		km_check(p, PAGES);	/* a page that was not copied would be waited for without end */
		km_wipe(p, size, page_size);
		munmap(p, size);
	}
	return km_finish();
}
