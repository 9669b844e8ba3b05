// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * init_module() takes memory by vmalloc() for the module, before it looks at it. The module is where nothing can be
 * read, so the memory goes back at once: __vmalloc(), alloc_vmap_area(), vmap_pages_range(), vfree(), and a purge of
 * what was unmapped when that is 32 MiB.
 */
#include "../common.h"

#define CALLS 2049	/* as many as there are between two purges, with one CPU */
#define PAGES 3		/* a call; the kernel adds one that is not there */

int main(int argc, char **argv)
{
	void *nowhere;
	size_t size;

	km_start(argc, argv);
	size = PAGES * km_page_size();
	nowhere = km_map(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (syscall(SYS_init_module, nowhere, size, "") != -1 || errno != EFAULT)
		km_absent("this kernel loads no modules");
	while (km_pass()) {
		long long taken = pages_taken();
		size_t right = 0;

		km_begin();
		for (int i = 0; i < CALLS; i++)
			right += syscall(SYS_init_module, nowhere, size, "") == -1 && errno == EFAULT;
		km_end(CALLS);
		if (right != CALLS)
			km_fail("init_module() came to its memory %zu times, not %d", right, CALLS);
		check_pages(taken, CALLS * PAGES);
	}
	errno = 0;
	return km_finish();
}
