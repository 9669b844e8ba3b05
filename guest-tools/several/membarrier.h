/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A barrier on all CPUs that run the process: membarrier_private_expedited(). */
#include "common.h"

#include <linux/membarrier.h>

static long barrier(size_t i)
{
	(void)i;
	return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

static int measure_membarrier(int argc, char **argv, enum peer peer)
{
	set_up(argc, argv, peer);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		km_absent("this kernel has no membarrier()");
	while (km_pass())
		measure(peer, barrier);
	return km_finish();
}
