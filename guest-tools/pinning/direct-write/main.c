// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The RAM disk is written with O_DIRECT from pages that are there: get_user_pages_fast() for reading,
 * bio_iov_iter_get_pages().
 */
#include "../common.h"

#define PAGES 2048
#define PAGES_A_CALL 64

int main(int argc, char **argv)
{
	size_t size = PAGES * km_page_size(), step = PAGES_A_CALL * km_page_size();
	unsigned char *seen;
	void *p;
	int disk;

	km_start(argc, argv);
	disk = open_ram_disk(&p, PAGES);
	seen = km_anonymous(size);
	while (km_pass()) {
		memset(seen, 0, size);
		if (pwrite(disk, seen, size, 0) != (ssize_t)size)	/* it has its pages, and nothing in them */
			km_fail(RAM_DISK);
		km_begin();
		for (size_t i = 0; i < size; i += step)
			if (pwrite(disk, (char *)p + i, step, i) != (ssize_t)step)
				km_fail("write with O_DIRECT: not all was written");
		km_end(PAGES);
		if (pread(disk, seen, size, 0) != (ssize_t)size)
			km_fail(RAM_DISK);
		km_check(seen, PAGES);
	}
	return km_finish();
}
