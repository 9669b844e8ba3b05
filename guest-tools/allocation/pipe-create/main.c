// SPDX-License-Identifier: GPL-2.0-or-later
/* Pipes, all at once, and none again: kmem_cache_alloc(), kcalloc(), allocate_slab(), kfree(), discard_slab(). */
#define PIPES 1000
#define FILES (2 * PIPES)
#include "../common.h"

static void make_files(int *where, size_t count)
{
	for (size_t i = 0; i < count; i += 2)
		if (pipe(where + i))
			km_fail("pipe");
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	allow_files();
	while (km_pass()) {
		before_files();
		km_begin();
		make_files(fds, FILES);
		close_files();
		km_end(PIPES);
		check_files();
	}
	return km_finish();
}
