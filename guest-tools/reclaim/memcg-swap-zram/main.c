// SPDX-License-Identifier: GPL-2.0-or-later
/* shrink_folio_list() with swap_writepage() to zram, zs_malloc(), and do_swap_page() from there. */
#include "../common.h"

#define ZRAM "/sys/block/zram0/"
#define PAGES 512
#define SWAPPED 500	/* asked for: the last ones would have to be looked for */
#define SWAP_SIZE ((size_t)16 << 20)

static void reset(void)
{
	try_write(ZRAM "reset", "1");
}

static void set_up_zram(void)
{
	if (access(ZRAM "disksize", W_OK))
		km_absent("no zram in this kernel");
	if (!try_write(ZRAM "comp_algorithm", "lzo-rle") && !try_write(ZRAM "comp_algorithm", "lzo"))
		km_note("zram has neither lzo-rle nor lzo: it compresses as it does by default");
	if (atexit(reset))
		km_fail("atexit");
	km_write(ZRAM "disksize", "%zu", SWAP_SIZE);
	km_swap("/dev/zram0", SWAP_SIZE);
	errno = 0;
}

int main(int argc, char **argv)
{
	size_t page_size = page_bytes(), size = PAGES * page_size;
	int trigger;

	km_start(argc, argv);
	cgroup_mount();
	cgroup_enter();
	cgroup_leave();
	trigger = open_reclaim();
	set_up_zram();
	while (km_pass()) {
		long long out = vmstat("pswpout"), in = vmstat("pswpin");
		unsigned char *p = anonymous(size);
		size_t wrong;

		cgroup_enter();
		fill(p, PAGES);
		cgroup_leave();
		if (madvise(p, size, MADV_COLD))	/* what was not touched since is taken at the first look */
			km_fail("madvise(MADV_COLD)");
		km_begin();
		reclaim(trigger, SWAPPED * page_size);
		wrong = touch_filled(p, PAGES, page_size);
		km_end(SWAPPED);
		if (wrong)
			km_fail("%zu pages came back wrong", wrong);
		check_filled(p, PAGES);
		check_events("pswpout", out, SWAPPED - 64);	/* some are slabs of the cgroup */
		check_events("pswpin", in, SWAPPED - 64);
		munmap(p, size);
	}
	return km_finish();
}
