/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RECLAIM_ZRAM_H
#define RECLAIM_ZRAM_H

#include "files.h"

#define ZRAM "/sys/block/zram0/"
#define ZRAM_DISK "/dev/zram0"

static void reset_zram(void)
{
	km_put(ZRAM "reset", "1");
}

static inline void need_zram(void)
{
	if (access(ZRAM "disksize", W_OK))
		km_absent("no zram in this kernel");
	if (!km_put(ZRAM "comp_algorithm", "lzo-rle") && !km_put(ZRAM "comp_algorithm", "lzo"))
		km_note("zram has neither lzo-rle nor lzo: it compresses as it does by default");
	if (atexit(reset_zram))
		km_fail("atexit");
	errno = 0;
}

static inline void swap_to_zram(size_t size)
{
	need_zram();
	km_write(ZRAM "disksize", "%zu", size);
	km_swap(ZRAM_DISK, size);
	errno = 0;
}

#endif
