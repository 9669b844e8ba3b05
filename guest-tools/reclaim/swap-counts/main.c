// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * add_swap_count_continuation(): swapped pages that 70 children share; free_swap_and_cache() when they end, with the
 * pages in the swap cache.
 */
#include "../files.h"

#define PAGES 64
#define CHILDREN 70
#define SWAP_PAGES 4095

int main(int argc, char **argv)
{
	size_t page_size = page_bytes();
	pid_t children[CHILDREN];
	unsigned char *p;

	km_start(argc, argv);
	km_keep("/proc/sys/vm/page-cluster");
	km_write("/proc/sys/vm/page-cluster", "3");
	fill_disk(SWAP_PAGES);
	km_swap(RAM_DISK, SWAP_PAGES * page_size);
	p = anonymous(PAGES * page_size);
	while (km_pass()) {
		size_t wrong;
		int failed = 0;

		fill(p, PAGES);
		page_out(p, PAGES);
		km_begin();
		for (int i = 0; i < CHILDREN; i++) {
			children[i] = fork();
			if (!children[i])
				for (;;)
					pause();
			failed += children[i] < 0;
		}
		wrong = touch_filled(p, PAGES, page_size);
		for (int i = 0; i < CHILDREN; i++)
			failed += kill(children[i], SIGKILL) || waitpid(children[i], NULL, 0) != children[i];
		km_end(CHILDREN);
		if (failed || wrong)
			km_fail("%d calls failed, %zu pages came back wrong", failed, wrong);
		check_filled(p, PAGES);
	}
	return km_finish();
}
