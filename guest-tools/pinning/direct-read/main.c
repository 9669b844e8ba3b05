// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The RAM disk is read with O_DIRECT into fresh anonymous memory: get_user_pages_fast() that falls back to
 * faultin_page().
 */
#define RAM_DISK "/dev/ram0"
#include "../common.h"

#define PAGES 2048
#define PAGES_A_CALL 64

int main(int argc, char **argv)
{
	unsigned char *from;
	size_t size, step;
	int disk;

	km_start(argc, argv);
	page_size = sysconf(_SC_PAGESIZE);
	size = PAGES * page_size;
	step = PAGES_A_CALL * page_size;
	disk = open_ram_disk();
	from = anonymous(size);
	fill(from, PAGES);
	if (pwrite(disk, from, size, 0) != (ssize_t)size)
		km_fail(RAM_DISK);
	while (km_pass()) {
		unsigned char *p = anonymous(size);

		km_begin();
		for (size_t i = 0; i < size; i += step)
			if (pread(disk, p + i, step, i) != (ssize_t)step)
				km_fail("read with O_DIRECT: not all was read");
		km_end(PAGES);
		check(p, PAGES);
		km_wipe(p, size, page_size);
		munmap(p, size);
	}
	return km_finish();
}
