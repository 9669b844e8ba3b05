/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RECLAIM_ZRAM_H
#define RECLAIM_ZRAM_H

#include "files.h"

#define ZRAM "/sys/block/zram0/"
#define ZRAM_DISK "/dev/zram0"

static void reset_zram(void)
{
	try_write(ZRAM "reset", "1");
}

static inline void need_zram(void)
{
	if (access(ZRAM "disksize", W_OK))
		km_absent("no zram in this kernel");
	if (!try_write(ZRAM "comp_algorithm", "lzo-rle") && !try_write(ZRAM "comp_algorithm", "lzo"))
		km_note("zram has neither lzo-rle nor lzo: it compresses as it does by default");
	if (atexit(reset_zram))
		km_fail("atexit");
	errno = 0;
}

#endif
