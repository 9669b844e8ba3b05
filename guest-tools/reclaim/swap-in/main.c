// SPDX-License-Identifier: GPL-2.0-or-later
/* do_swap_page() of pages that nobody else has: a RAM disk is synchronous, they are read one by one. */
#include "../swap.h"

int main(int argc, char **argv)
{
	return measure_swap_in(argc, argv, "0", false);
}
