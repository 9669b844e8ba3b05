// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/mman.h>

#include "kmatrix.h"

#define PAGES 2048UL

int main(int argc, char **argv)
{
	km_start(argc, argv);
	while (km_pass()) {
		char *p = mmap(NULL, PAGES << 12, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			km_fail("mmap");
		km_begin();
		for (unsigned long i = 0; i < PAGES; i++)
			p[i << 12] = 1;
		km_end(PAGES);
		munmap(p, PAGES << 12);
	}
	return km_finish();
}
