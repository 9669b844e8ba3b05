// SPDX-License-Identifier: GPL-2.0-or-later
/* zswap_store() and zswap_load(): swapped pages are compressed, and do not reach the RAM disk. */
#include "../swap.h"

#define ZSWAP "/sys/module/zswap/parameters/enabled"

static void switch_off(void)
{
	km_put(ZSWAP, "N");
}

static void set_up(void)
{
	char was[8];

	if (access(ZSWAP, R_OK))
		km_absent("no zswap in this kernel");
	if (km_text(ZSWAP, was, sizeof(was)) <= 0)
		km_fail(ZSWAP);
	if (*was == 'N' && atexit(switch_off))
		km_fail("atexit");
	if (!km_put(ZSWAP, "Y"))
		km_absent("zswap of this kernel cannot be enabled");
	swap_to_disk();
	errno = 0;
}

int main(int argc, char **argv)
{
	return measure_cgroup_swap(argc, argv, set_up, "zswpout", "zswpin");
}
