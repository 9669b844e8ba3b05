// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes below the start of a MAP_GROWSDOWN mapping: expand_stack(), expand_downwards(). Page tables are made, too. */
#include <sys/resource.h>

#include "../common.h"

#define PAGES 1024
#define TOP ((unsigned char *)(1ul << 37))	/* the kernel places no mapping there by itself: room to grow into */

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* A stack of one page, which is there. */
static void start_stack(size_t page_size)
{
	unsigned char *p = TOP - page_size;

	if (km_map(p, page_size, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1) != p)
		km_fail("mmap with MAP_GROWSDOWN");
	km_small_pages(p, page_size);
	*p = value(0);
}

static void check_grown(size_t page_size)
{
	unsigned char there;

	if (km_resident(TOP - (PAGES + 1) * page_size, PAGES) != PAGES)
		km_fail("not all pages of the stack are there");
	for (size_t i = 0; i <= PAGES; i++)
		if (*(TOP - (i + 1) * page_size) != value(i))
			km_fail("page %zu does not hold what was written", i);
	if (!mincore(TOP - (PAGES + 2) * page_size, page_size, &there) || errno != ENOMEM)
		km_fail("the stack has grown too far");
	errno = 0;
}

int main(int argc, char **argv)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	size_t page_size = km_page_size(), size = (PAGES + 1) * page_size;

	km_start(argc, argv);
	if (setrlimit(RLIMIT_STACK, &limit))
		km_fail("setrlimit(RLIMIT_STACK)");
	while (km_pass()) {
		start_stack(page_size);
		km_begin();
		for (size_t i = 1; i <= PAGES; i++)
			*(TOP - (i + 1) * page_size) = value(i);
		km_end(PAGES);
		check_grown(page_size);
		km_wipe(TOP - size, size, page_size);
		if (munmap(TOP - size, size))
			km_fail("munmap");
	}
	return km_finish();
}
