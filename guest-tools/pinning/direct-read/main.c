// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The RAM disk is read with O_DIRECT into fresh anonymous memory: get_user_pages_fast() that falls back to
 * faultin_page().
 */
#include "../common.h"

#define PAGES 2048
#define PAGES_A_CALL 64

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size, step = PAGES_A_CALL * page_size;
	void *from;
	int disk;

	km_start(argc, argv);
	disk = open_ram_disk(&from, PAGES);
	if (pwrite(disk, from, size, 0) != (ssize_t)size)
		km_fail(RAM_DISK);
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);

		km_begin();
		for (size_t i = 0; i < size; i += step)
			if (pread(disk, p + i, step, i) != (ssize_t)step)
				km_fail("read with O_DIRECT: not all was read");
		km_end(PAGES);
		km_check(p, PAGES);
		km_wipe(p, size, page_size);
		munmap(p, size);
	}
	return km_finish();
}
