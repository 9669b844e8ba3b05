// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairs of sockets, all at once, and none again: kmem_cache_alloc_lru(), sk_prot_alloc(), allocate_slab(),
 * discard_slab().
 */
#define PAIRS 800
#define FILES (2 * PAIRS)
#include "../common.h"

static void make_files(int *where, size_t count)
{
	for (size_t i = 0; i < count; i += 2)
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, where + i))
			km_fail("socketpair");
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	allow_files();
	pair_of_sockets(fds);
	close(fds[0]);
	close(fds[1]);
	while (km_pass()) {
		before_files();
		km_begin();
		make_files(fds, FILES);
		close_files();
		km_end(PAIRS);
		check_files();
	}
	return km_finish();
}
