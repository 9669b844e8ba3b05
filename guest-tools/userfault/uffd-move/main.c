// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages are moved to another place of the address space by UFFDIO_MOVE: move_pages(), move_pages_pte(). */
#include "../common.h"

#define PAGES 4096

int main(int argc, char **argv)
{
	size_t size;

	km_start(argc, argv);
	uffd_set_up(HAS_MOVE, "this kernel has no UFFDIO_MOVE");
	size = PAGES * page_size;
	while (km_pass()) {
		unsigned char *from = filled(PAGES), *to = km_anonymous(size);

		watch(to, size, REGISTER_MISSING);
		km_begin();
		for (size_t i = 0; i < size; i += page_size) {
			struct uffd_copy move = { (uintptr_t)to + i, (uintptr_t)from + i, page_size, 0, 0 };

			if (ioctl(uffd, DO_MOVE, &move) || move.done != (int64_t)page_size)
				km_fail("UFFDIO_MOVE");
		}
		km_end(PAGES);
		if (km_resident(from, PAGES))
			km_fail("%zu pages are still where they were", km_resident(from, PAGES));
		km_check(to, PAGES);
		km_wipe(to, size, page_size);
		munmap(from, size);
		munmap(to, size);
	}
	return km_finish();
}
