// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * do_swap_page() of pages that a child has, too: swapin_readahead() with vm.page-cluster 3, and the swap cache. Linux 7
 * reads no page ahead from a synchronous device; there it is the swap cache alone.
 */
#include "../swap.h"

int main(int argc, char **argv)
{
	return measure_swap_in(argc, argv, "3", true);
}
