// SPDX-License-Identifier: GPL-2.0-or-later
/* zswap_store() and zswap_load(): swapped pages are compressed, and do not reach the RAM disk. */
#include "../common.h"

#define ZSWAP "/sys/module/zswap/parameters/enabled"
#define PAGES 512
#define SWAPPED 500	/* asked for: the last ones would have to be looked for */
#define SWAP_PAGES 4095

static void switch_off(void)
{
	try_write(ZSWAP, "N");
}

static void set_up_zswap(void)
{
	char was = 'N';
	int fd = open(ZSWAP, O_RDONLY);

	if (fd < 0)
		km_absent("no zswap in this kernel");
	if (read(fd, &was, 1) != 1)
		km_fail(ZSWAP);
	close(fd);
	if (was == 'N' && atexit(switch_off))
		km_fail("atexit");
	if (!try_write(ZSWAP, "Y"))
		km_absent("zswap of this kernel cannot be enabled");
	fill_disk(SWAP_PAGES);
	km_swap(RAM_DISK, SWAP_PAGES * page_bytes());
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
	set_up_zswap();
	while (km_pass()) {
		long long out = vmstat("zswpout"), in = vmstat("zswpin");
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
		check_events("zswpout", out, SWAPPED - 64);	/* some are slabs of the cgroup */
		check_events("zswpin", in, SWAPPED - 64);
		munmap(p, size);
	}
	return km_finish();
}
