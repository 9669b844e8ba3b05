// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * do_swap_page() of pages that a child has, too: swapin_readahead() with vm.page-cluster 3, and the swap cache. Linux 7
 * reads no page ahead from a synchronous device; there it is the swap cache alone.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../common.h"

#define PAGES 2048
#define SWAP_PAGES 4095

/* It has the same swapped pages, and does nothing. */
static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		km_fail("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

int main(int argc, char **argv)
{
	size_t page_size = page_bytes(), size = PAGES * page_size;

	km_start(argc, argv);
	km_keep("/proc/sys/vm/page-cluster");
	km_write("/proc/sys/vm/page-cluster", "3");
	fill_disk(SWAP_PAGES);
	km_swap(RAM_DISK, SWAP_PAGES * page_size);
	while (km_pass()) {
		unsigned char *p = anonymous(size);
		size_t wrong, there;
		pid_t child;

		fill(p, PAGES);
		page_out(p, PAGES);
		child = start_child();
		km_begin();
		wrong = touch_filled(p, PAGES, page_size);
		km_end(PAGES);
		kill(child, SIGKILL);
		if (waitpid(child, NULL, 0) != child)
			km_fail("waitpid");
		there = count_pages(p, PAGES, PAGEMAP_PRESENT);
		if (wrong || there != PAGES)
			km_fail("%zu pages of %d are there, %zu came back wrong", there, PAGES, wrong);
		check_filled(p, PAGES);
		munmap(p, size);
	}
	return km_finish();
}
