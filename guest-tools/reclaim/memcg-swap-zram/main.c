// SPDX-License-Identifier: GPL-2.0-or-later
/* shrink_folio_list() with swap_writepage() to zram, zs_malloc(), and do_swap_page() from there. */
#include "../swap.h"
#include "../zram.h"

static void set_up(void)
{
	swap_to_zram(16 << 20);
}

int main(int argc, char **argv)
{
	return measure_cgroup_swap(argc, argv, set_up, "pswpout", "pswpin");
}
