// SPDX-License-Identifier: GPL-2.0-or-later
/* balance_pgdat() and shrink_node(): memory is short, kswapd reclaims pages for those that are touched. */
#include <sched.h>

#include "../common.h"

#define CACHED 4096	/* pages of the RAM disk in the page cache */
#define PAGES 2560
#define MORE 1024	/* pages to be touched than are free: lists of CPUs have some, too */
#define ROOM ((size_t)96 << 20)	/* left free for the passes at first */
#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"

/* A value of /proc/meminfo, in bytes; 0 if it is not there. */
static size_t meminfo(const char *name)
{
	long long kib = km_number_in("/proc/meminfo", name);

	return kib < 0 ? 0 : kib << 10;
}

/* Huge pages take memory away at once. What they do not take is touched, see run_short(). */
static void take_most(void)
{
	size_t free = meminfo("MemFree"), huge = meminfo("Hugepagesize");

	if (!huge || access(HUGE_PAGES, W_OK) || free < ROOM)
		return;
	km_keep(HUGE_PAGES);
	km_write(HUGE_PAGES, "%zu", (free - ROOM) / huge);
	errno = 0;
}

/* Near to each other: kswapd reclaims at least as many pages at a time as the high one has. */
static void set_watermarks(void)
{
	km_keep("/proc/sys/vm/min_free_kbytes");
	km_keep("/proc/sys/vm/watermark_scale_factor");
	km_write("/proc/sys/vm/min_free_kbytes", "1024");
	km_write("/proc/sys/vm/watermark_scale_factor", "1");
}

/* Touches pages until kswapd has been at work. Returns how many. */
static size_t run_short(unsigned char *ballast, size_t most)
{
	long long before = km_count("pgsteal_kswapd");
	size_t i = 0, page_size = km_page_size();

	if (before < 0)
		km_absent("this kernel does not tell what kswapd does");
	while (i < most && km_count("pgsteal_kswapd") == before)
		for (int n = 0; n < 32 && i < most; n++)
			ballast[i++ * page_size] = 1;
	if (i == most)
		km_fail("%zu pages were touched, and kswapd does nothing", most);
	return i;
}

static void set_policy(int policy)
{
	struct sched_param parameter = { 0 };

	if (sched_setscheduler(0, policy, &parameter))
		km_fail("sched_setscheduler");
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size, most;
	unsigned char *page = km_anonymous(page_size);
	int disk;

	km_start(argc, argv);
	fill_disk(CACHED);
	disk = open_disk(true);
	take_most();
	set_watermarks();
	while (km_pass()) {
		unsigned char *p, *ballast;
		long long stolen;

		drop_disk_cache(disk);
		check_disk(disk, CACHED, page);
		most = meminfo("MemFree") / page_size + MORE;
		ballast = km_anonymous(most * page_size);
		p = km_anonymous(size);
		run_short(ballast, most);
		set_policy(SCHED_IDLE);	/* kswapd runs as soon as it is woken, and to its end */
		stolen = km_count("pgsteal_kswapd");
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = i % 251 + 1;
		km_end(PAGES);
		set_policy(SCHED_OTHER);
		km_check_count("pgsteal_kswapd", stolen, PAGES / 2);
		for (size_t i = 0; i < PAGES; i++)
			if (p[i * page_size] != i % 251 + 1)
				km_fail("page %zu does not hold what was written", i);
		munmap(p, size);
		munmap(ballast, most * page_size);
	}
	return km_finish();
}
