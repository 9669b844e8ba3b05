// SPDX-License-Identifier: GPL-2.0-or-later
/* One C file with kmatrix.h; marked.toml beside it says what a unit is. */
#include <sys/mman.h>

#include "kmatrix.h"

int main(int argc, char **argv)
{
	long pages;

	km_start(argc, argv);
	pages = km_option("pages", 1);
	while (km_pass()) {
		char *p = mmap(NULL, pages << 12, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			km_fail("mmap");
		km_begin();
		for (long i = 0; i < pages; i++)
			p[i << 12] = 1;
		km_end(pages);
		munmap(p, pages << 12);
	}
	return km_finish();
}
