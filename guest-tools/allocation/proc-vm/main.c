// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel tells of its memory, read whole: zoneinfo_show(), frag_show(), pagetypeinfo_show(), vmstat_show(),
 * extfrag_show(), s_show() of vmallocinfo, si_meminfo(), vread() of a piece of kcore; and settings of the page
 * allocator, changed and put back: setup_per_zone_wmarks(), setup_per_zone_lowmem_reserve(),
 * zone_set_pageset_high_and_batch().
 */
#include <elf.h>

#define TEXT (1 << 18)
#include "../common.h"

#define VM "/proc/sys/vm/"
#define NODE "/sys/devices/system/node/node0/"
#define CORE_READS 64
#define ROUNDS 3	/* a pass */

static const char *const told[] = {
	"/proc/vmstat", "/proc/zoneinfo", "/proc/buddyinfo", "/proc/pagetypeinfo", "/proc/vmallocinfo", "/proc/meminfo",
	"/proc/iomem", NODE "meminfo", NODE "numastat", NODE "vmstat", NODE "distance", NODE "cpumap",
	KM_DEBUGFS "extfrag/unusable_index", KM_DEBUGFS "extfrag/extfrag_index", KM_DEBUGFS "percpu_stats",
	"/proc/self/numa_maps", "/proc/self/status", "/proc/self/statm", "/proc/swaps",
};

/* Each is set to other, and then back to what it was: overcommit_ratio after overcommit_kbytes, which clears it. */
static struct setting {
	const char *path, *other;
	char was[128];
} settings[] = {
	{ VM "min_free_kbytes", "9000", "" }, { VM "watermark_scale_factor", "20", "" },
	{ VM "lowmem_reserve_ratio", "128", "" }, { VM "percpu_pagelist_high_fraction", "900", "" },
	{ VM "min_unmapped_ratio", "2", "" }, { VM "min_slab_ratio", "6", "" }, { VM "numa_stat", "0", "" },
	{ VM "extfrag_threshold", "400", "" }, { VM "zone_reclaim_mode", "1", "" }, { VM "stat_interval", "80000", "" },
	{ VM "numa_zonelist_order", "Node", "" }, { VM "vfs_cache_pressure", "90", "" },
	{ VM "overcommit_kbytes", "600000", "" }, { VM "overcommit_ratio", "51", "" },
	{ VM "overcommit_memory", "2", "" },
	{ VM "page-cluster", "2", "" }, { VM "watermark_boost_factor", "15000", "" },
	{ VM "user_reserve_kbytes", "20000", "" },
	{ VM "admin_reserve_kbytes", "4096", "" }, { VM "max_map_count", "65000", "" }, { VM "dirty_ratio", "21", "" },
	{ VM "dirty_background_ratio", "11", "" }, { VM "dirty_expire_centisecs", "2900", "" },
	{ VM "swappiness", "61", "" }, { VM "compact_unevictable_allowed", "0", "" },
};

#define SETTINGS (sizeof(settings) / sizeof(*settings))
#define TOLD (sizeof(told) / sizeof(*told))

static bool there[TOLD];
static int core;
static off_t core_place;	/* in /proc/kcore: some memory of vmalloc() */

static ssize_t read_whole(const char *path)
{
	return read_at(AT_FDCWD, path);
}

/* The largest piece of /proc/kcore is where vmalloc() has its memory. What of it is not mapped is read as zeros. */
static void find_core(void)
{
	unsigned long long largest = 0;
	Elf64_Ehdr header;
	Elf64_Phdr part;

	core = open("/proc/kcore", O_RDONLY);
	if (core < 0 || sizeof(long) != 8)
		return;
	if (pread(core, &header, sizeof(header), 0) != sizeof(header))
		km_fail("/proc/kcore");
	for (int i = 0; i < header.e_phnum; i++) {
		if (pread(core, &part, sizeof(part), header.e_phoff + i * sizeof(part)) != sizeof(part))
			km_fail("/proc/kcore");
		if (part.p_type == PT_LOAD && part.p_memsz > largest) {
			largest = part.p_memsz;
			core_place = part.p_offset;
		}
	}
}

static int change_settings(void)
{
	int failed = 0;

	for (size_t i = 0; i < SETTINGS; i++)
		if (settings[i].was[0])
			failed += !km_put(settings[i].path, settings[i].other) +
				  !km_put(settings[i].path, settings[i].was);
	return failed;
}

static void prepare(void)
{
	make_text();
	memset(text, 1, TEXT);
	km_has_debugfs();
	for (size_t i = 0; i < TOLD; i++)
		there[i] = read_whole(told[i]) > 0;
	for (size_t i = 0; i < SETTINGS; i++)
		if (read_whole(settings[i].path) > 0 && strlen(text) < sizeof(settings[i].was))
			strcpy(settings[i].was, text);
	find_core();
	errno = 0;
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	prepare();
	while (km_pass()) {
		int unread = 0, unset = 0;
		ssize_t of_core = 0;

		km_begin();
		for (size_t i = 0; i < ROUNDS * TOLD; i++)
			unread += there[i % TOLD] && read_whole(told[i % TOLD]) <= 0;
		for (int i = 0; i < ROUNDS; i++)
			unset += change_settings();
		for (int i = 0; core_place && i < ROUNDS * CORE_READS; i++)
			of_core += pread(core, text, 4096, core_place + i % CORE_READS * 4096) == 4096;
		km_end(ROUNDS);
		if (unread || unset)
			km_fail("%d files could not be read, %d settings not be made", unread, unset);
		if (core_place && of_core != ROUNDS * CORE_READS)
			km_fail("%zd reads of /proc/kcore went well", of_core);
		for (size_t i = 0; i < SETTINGS; i++)
			if (settings[i].was[0] && (read_whole(settings[i].path) < 0 || strcmp(text, settings[i].was)))
				km_fail("%s is not what it was", settings[i].path);
	}
	return km_finish();
}
