// SPDX-License-Identifier: GPL-2.0-or-later
/* One kind of fault a pass, in turn: what lab.patch adds to one of them shows in its passes alone. */
#include <sys/mman.h>

#include "kmatrix.h"

#define PAGES 16384UL

enum { SHARED_WRITE, ANONYMOUS_WRITE, COPY_OF_ZERO, SHARED_READ, KINDS };

static volatile char *mapped(int flags)
{
	char *p = mmap(NULL, PAGES << 12, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		km_fail("mmap");
	madvise(p, PAGES << 12, MADV_NOHUGEPAGE);
	return p;
}

static void touch(volatile char *p, bool write)
{
	for (unsigned long i = 0; i < PAGES; i++) {
		if (write)
			p[i << 12] = 1;
		else
			(void)p[i << 12];
	}
}

int main(int argc, char **argv)
{
	int kind = SHARED_WRITE;

	km_start(argc, argv);
	for (; km_pass(); kind = (kind + 1) % KINDS) {
		bool shared = kind == SHARED_WRITE || kind == SHARED_READ;
		volatile char *p = mapped(shared ? MAP_SHARED : MAP_PRIVATE);

		if (kind == COPY_OF_ZERO)
			touch(p, false);
		km_begin();
		touch(p, kind != SHARED_READ);
		km_end(PAGES);
		munmap((void *)p, PAGES << 12);
	}
	return km_finish();
}
