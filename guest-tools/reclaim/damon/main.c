// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DAMON by its files: a child's address space and a range of physical memory are watched (kdamond_fn(), damon_va_*,
 * damon_pa_*), with schemes for each action. Every file is read and written back.
 */
#include <dirent.h>

#include "../files.h"

#define ADMIN "/sys/kernel/mm/damon/admin/kdamonds/"
#define CONTEXT ADMIN "0/contexts/0/"
#define STAT "/sys/module/damon_stat/parameters/enabled"
#define PAGES 512
#define WATCH 60000	/* microseconds */

static const char *const virtual[] = { "stat", "willneed", "cold", "hugepage", "nohugepage", "pageout", NULL };
static const char *const physical[] = { "stat", "lru_prio", "lru_deprio", "pageout", NULL };

static bool watched;	/* all of memory, by the kernel itself */
static unsigned char *p, *huge;	/* the child's: small pages and a huge one */

static void switch_off(void)
{
	km_put(ADMIN "0/state", "off");
	km_put(ADMIN "nr_kdamonds", "0");
	if (watched)
		km_put(STAT, "Y");
}

/* What has a new directory for each number, or does something at once, is not written back. */
static bool only_read(const char *name)
{
	return !strncmp(name, "nr_", 3) || !strcmp(name, "state") || !strcmp(name, "pid_target");
}

/* How many files there are below the folder. */
static int walk(const char *folder)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	char path[1024];
	int files = 0;

	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR) {
			files += walk(path);
		} else if (read_file(path) >= 0) {
			files++;
			if (!only_read(entry->d_name))
				km_put(path, file_text);
		}
	}
	if (directory)
		closedir(directory);
	return files;
}

/* The file of the scheme, if there is one. */
static int scheme(int number, const char *file, const char *value)
{
	char path[160];

	snprintf(path, sizeof(path), CONTEXT "schemes/%d/%s", number, file);
	return !access(path, W_OK) && !km_put(path, value);
}

static int set_schemes(const char *const *actions)
{
	int failed = 0, count = 0;

	while (actions[count])
		count++;
	failed += !km_put_number(CONTEXT "schemes/nr_schemes", count);
	for (int i = 0; i < count; i++) {
		failed += scheme(i, "action", actions[i]);
		failed += scheme(i, "access_pattern/sz/max", "1073741824");
		failed += scheme(i, "access_pattern/nr_accesses/max", "1000");
		failed += scheme(i, "access_pattern/age/max", "1000000");
		failed += scheme(i, "quotas/bytes", "1048576");
		failed += scheme(i, "quotas/ms", "1");
		failed += scheme(i, "quotas/reset_interval_ms", "10");
		failed += scheme(i, "quotas/weights/sz_permil", "1");
		failed += scheme(i, "quotas/weights/nr_accesses_permil", "2");
		failed += scheme(i, "quotas/weights/age_permil", "3");
	}
	failed += scheme(0, "watermarks/metric", "free_mem_rate");
	failed += scheme(0, "watermarks/high", "1000");
	failed += scheme(0, "watermarks/mid", "999");
	failed += scheme(0, "watermarks/low", "1");
	return failed;
}

static int make_context(const char *operations)
{
	int failed = !km_put(ADMIN "nr_kdamonds", "1");

	failed += !km_put(ADMIN "0/contexts/nr_contexts", "1");
	failed += read_file(CONTEXT "avail_operations") <= 0 || !strstr(file_text, operations);
	failed += !km_put(CONTEXT "operations", operations);
	failed += !km_put(CONTEXT "monitoring_attrs/intervals/sample_us", "2000");
	failed += !km_put(CONTEXT "monitoring_attrs/intervals/aggr_us", "20000");
	failed += !km_put(CONTEXT "monitoring_attrs/intervals/update_us", "40000");
	failed += !km_put(CONTEXT "monitoring_attrs/nr_regions/min", "10");
	failed += !km_put(CONTEXT "monitoring_attrs/nr_regions/max", "50");
	failed += !km_put(CONTEXT "targets/nr_targets", "1");
	return failed;
}

static int watch(void)
{
	int failed = 0;

	if (!km_put(ADMIN "0/state", "on"))
		return 1;
	usleep(WATCH);
	failed += read_file(ADMIN "0/state") <= 0 || strncmp(file_text, "on", 2);
	failed += !km_put(ADMIN "0/state", "commit");
	usleep(WATCH);
	failed += !km_put(ADMIN "0/state", "update_schemes_stats");
	failed += walk(ADMIN "0") < 20;
	failed += read_file(CONTEXT "schemes/0/stats/nr_tried") <= 0;
	failed += !km_put(ADMIN "0/state", "off");
	failed += !km_put(ADMIN "nr_kdamonds", "0");
	return failed;
}

static int one_round(pid_t child, uint64_t start)
{
	int failed = make_context("vaddr");

	failed += set_schemes(virtual);
	failed += !km_put_number(CONTEXT "targets/0/pid_target", child);
	failed += watch();
	failed += make_context("paddr");
	failed += set_schemes(physical);
	failed += !km_put(CONTEXT "targets/0/regions/nr_regions", "1");
	failed += !km_put_number(CONTEXT "targets/0/regions/0/start", start);
	failed += !km_put_number(CONTEXT "targets/0/regions/0/end", start + KM_TABLE);
	failed += watch();
	return failed;
}

static void *touch_all(void)
{
	km_fill(p, PAGES);
	*huge = 1;
	return p;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();
	unsigned char *range;
	uint64_t entry;

	km_start(argc, argv);
	if (access(ADMIN "nr_kdamonds", W_OK))
		km_absent("no DAMON in this kernel");
	if (atexit(switch_off))
		km_fail("atexit");
	watched = km_put(STAT, "N");	/* there is one DAMON at a time */
	swap_to_disk();
	p = km_anonymous(PAGES * page_size);
	huge = huge_page();
	range = huge_page();
	while (km_pass()) {
		pid_t child = km_other(touch_all, NULL);

		km_fill(range, KM_TABLE / page_size);
		if (!km_pagemap(range, 1, &entry))
			km_absent("no /proc/self/pagemap in this kernel");
		km_begin();
		end_steps(1, one_round(child, (entry & KM_PFN) * page_size));
		km_end_other(child);
		madvise(range, KM_TABLE, MADV_DONTNEED);
	}
	return km_finish();
}
