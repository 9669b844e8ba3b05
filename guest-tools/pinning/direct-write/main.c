// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The RAM disk is written with O_DIRECT from pages that are there: get_user_pages_fast() for reading,
 * bio_iov_iter_get_pages().
 */
#define RAM_DISK "/dev/ram0"
#include "../common.h"

#define PAGES 2048
#define PAGES_A_CALL 64

int main(int argc, char **argv)
{
	unsigned char *p, *seen;
	size_t size, step;
	int disk;

	km_start(argc, argv);
	page_size = sysconf(_SC_PAGESIZE);
	size = PAGES * page_size;
	step = PAGES_A_CALL * page_size;
	disk = open_ram_disk();
	p = anonymous(size);
	seen = anonymous(size);
	fill(p, PAGES);
	while (km_pass()) {
		memset(seen, 0, size);
		if (pwrite(disk, seen, size, 0) != (ssize_t)size)	/* it has its pages, and nothing in them */
			km_fail(RAM_DISK);
		km_begin();
		for (size_t i = 0; i < size; i += step)
			if (pwrite(disk, p + i, step, i) != (ssize_t)step)
				km_fail("write with O_DIRECT: not all was written");
		km_end(PAGES);
		if (pread(disk, seen, size, 0) != (ssize_t)size)
			km_fail(RAM_DISK);
		check(seen, PAGES);
	}
	return km_finish();
}
