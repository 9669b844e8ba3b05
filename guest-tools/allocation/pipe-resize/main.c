// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A pipe with one byte in it gets room for 1 to 256 pages: pipe_resize_ring(), kcalloc() of 40 bytes to 10 KiB,
 * kfree().
 */
#include "../common.h"

#define ROUNDS 256
#define LARGEST 256	/* pages: 1 MiB, which nobody needs leave for */

int main(int argc, char **argv)
{
	long page_size = km_page_size();
	int ends[2];

	km_start(argc, argv);
	if (pipe(ends))
		km_fail("pipe");
	if (fcntl(ends[0], F_SETPIPE_SZ, page_size) != page_size)
		km_fail("F_SETPIPE_SZ");
	while (km_pass()) {
		unsigned long calls = 0, right = 0;
		char byte = 0x5a, got = 0;

		if (write(ends[1], &byte, 1) != 1)
			km_fail("write");
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			for (long pages = 2; pages <= LARGEST; pages *= 2, calls++)
				right += fcntl(ends[0], F_SETPIPE_SZ, pages * page_size) == pages * page_size;
			for (long pages = LARGEST / 2; pages; pages /= 2, calls++)
				right += fcntl(ends[0], F_SETPIPE_SZ, pages * page_size) == pages * page_size;
		}
		km_end(calls);
		if (right != calls)
			km_fail("F_SETPIPE_SZ: %lu of %lu sizes were set", right, calls);
		if (fcntl(ends[0], F_GETPIPE_SZ) != page_size || read(ends[0], &got, 1) != 1 || got != byte)
			km_fail("the pipe does not hold what was written");
	}
	return km_finish();
}
