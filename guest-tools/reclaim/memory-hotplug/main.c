// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * offline_pages() and online_pages(): a block of memory is taken away and comes back, to the kernel's zone and as movable,
 * (start_isolate_page_range(), do_migrate_range()); the files of memory tiers.
 */
#include <dirent.h>

#include "../files.h"

#define BLOCKS "/sys/devices/system/memory"
#define POLICY "/sys/module/memory_hotplug/parameters/online_policy"
#define DEMOTION "/sys/kernel/mm/numa/demotion_enabled"
#define TIER "/sys/devices/virtual/memory_tiering/memory_tier4/"
#define MOST 512

static char block[64], state[80];

static bool set_state(const char *value)
{
	return km_put(state, value);
}

static bool use_block(unsigned int number)
{
	snprintf(block, sizeof(block), BLOCKS "/memory%u", number);
	snprintf(state, sizeof(state), "%s/state", block);
	return read_file(state) > 0 && !strncmp(file_text, "online", 6) && set_state("offline");
}

static void online_at_exit(void)
{
	set_state("online");
}

/* The last block that can be taken away: what is nearer to the end is used less. */
static void find_block(void)
{
	unsigned int numbers[MOST], count = 0, number;
	DIR *directory = opendir(BLOCKS);
	struct dirent *entry;

	while (directory && count < MOST && (entry = readdir(directory)))
		if (sscanf(entry->d_name, "memory%u", &number) == 1)
			numbers[count++] = number;
	if (directory)
		closedir(directory);
	if (!count)
		km_absent("no blocks of memory in this kernel");
	for (unsigned int bound = -1u, i = 0; i < count; i++) {
		unsigned int last = 0;

		for (unsigned int n = 0; n < count; n++)
			if (numbers[n] < bound && numbers[n] >= last)
				last = numbers[n];
		bound = last;
		if (use_block(last)) {
			if (!set_state("online"))
				km_fail("%s: cannot be online again", state);
			return;
		}
	}
	km_absent("no block of memory of this machine can be taken away");
}

static int look(void)
{
	static const char *const files[] = { "state", "valid_zones", "removable", "phys_device", "phys_index" };
	char path[128];
	int failed = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", block, files[i]);
		failed += !access(path, R_OK) && read_file(path) < 0;
	}
	return failed + (read_file(BLOCKS "/block_size_bytes") <= 0) + (read_file(BLOCKS "/auto_online_blocks") <= 0);
}

static int show_tiers(void)
{
	int failed = 0;

	if (access(DEMOTION, W_OK))
		return 0;
	failed += !km_put(DEMOTION, "1") || read_file(DEMOTION) <= 0 || !km_put(DEMOTION, "0");
	failed += !access(TIER "nodelist", R_OK) && read_file(TIER "nodelist") <= 0;
	return failed;
}

static int one_round(bool policies)
{
	int failed = !set_state("offline");

	failed += look();
	failed += show_tiers();
	failed += !set_state("online_movable");
	failed += look();
	failed += !set_state("offline");
	if (policies)
		failed += !km_put(POLICY, "auto-movable") || read_file(POLICY) <= 0;
	failed += !set_state("online");
	failed += !set_state("offline");
	if (policies)
		failed += !km_put(POLICY, "contig-zones");
	failed += !set_state("online_kernel");
	return failed;
}

int main(int argc, char **argv)
{
	bool policies;

	km_start(argc, argv);
	no_messages();
	find_block();
	if (atexit(online_at_exit))
		km_fail("atexit");
	policies = !access(POLICY, W_OK);
	errno = 0;
	while (km_pass()) {
		km_begin();
		end_steps(1, one_round(policies));
		if (read_file(state) <= 0 || strncmp(file_text, "online", 6))
			km_fail("%s is not online", block);
	}
	return km_finish();
}
