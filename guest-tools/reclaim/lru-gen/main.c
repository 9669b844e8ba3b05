// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The multi-generational LRU: lru_gen_change_state(), lru_gen_seq_show() and lru_gen_seq_write(): a cgroup's pages are
 * aged (walk_mm(), inc_max_seq()) and evicted (evict_folios()), by files and by memory.reclaim.
 */
#include "../zram.h"

#define ENABLED "/sys/kernel/mm/lru_gen/enabled"
#define MIN_TTL "/sys/kernel/mm/lru_gen/min_ttl_ms"
#define CONTROL KM_DEBUGFS "lru_gen"
#define PAGES 768
#define GENERATIONS 3

static size_t page_size;
static long was;

static void put_back_lru(void)
{
	km_put_number(ENABLED, was);
}

/* The cgroup's number and its youngest and oldest generation. */
struct generations {
	int memcg;
	unsigned long oldest, youngest;
};

static bool find(struct generations *found)
{
	char *at, *next;
	unsigned long sequence;

	if (read_file(CONTROL) <= 0)
		return false;
	at = strstr(file_text, " /km\n");
	if (!at)
		return false;
	while (at > file_text && at[-1] != '\n')
		at--;
	if (sscanf(at, "memcg %d", &found->memcg) != 1)
		return false;
	found->oldest = -1;
	found->youngest = 0;
	for (at = strchr(at, '\n'); at && strncmp(at + 1, "memcg", 5); at = next) {
		next = strchr(at + 1, '\n');
		if (sscanf(at + 1, " %lu", &sequence) != 1)
			continue;
		found->oldest = sequence < found->oldest ? sequence : found->oldest;
		found->youngest = sequence > found->youngest ? sequence : found->youngest;
	}
	return found->youngest >= found->oldest;
}

/* Without force it is an error that there are as many generations as there may be. */
static int age(bool force)
{
	struct generations now;

	return !find(&now) || (!write_file(CONTROL, "+ %d 0 %lu 1 %d", now.memcg, now.youngest, force) && force);
}

static int evict(size_t pages)
{
	struct generations now;

	return !find(&now) || !write_file(CONTROL, "- %d 0 %lu 200 %zu", now.memcg, now.youngest - 2, pages);
}

static int one_round(unsigned char *p, int disk, void *page)
{
	int failed = !km_put(ENABLED, "7");
	pid_t child;

	failed += read_file(ENABLED) <= 0 || strtol(file_text, NULL, 16) == 0;
	failed += !km_put(MIN_TTL, "100") || read_file(MIN_TTL) <= 0 || atoi(file_text) != 100;
	failed += !km_put(MIN_TTL, "0");
	failed += !km_put(CGROUP "/cgroup.procs", "0");
	fill(p, PAGES);
	for (int i = 0; i < 2; i++)
		failed += !!read_disk(disk, PAGES, page, page_size);
	child = idle_child();	/* what it is charged for moves with it */
	for (int i = 0; i < GENERATIONS; i++) {
		failed += age(i != 1);
		failed += !!touch_filled(p, PAGES / 4, page_size);
	}
	failed += evict(PAGES / 2);
	failed += !!touch_filled(p, PAGES, page_size);
	failed += !km_put_number(CGROUP "/memory.reclaim", PAGES / 2 * page_size);
	failed += read_file(KM_DEBUGFS "lru_gen_full") <= 0;
	failed += !!touch_filled(p, PAGES, page_size);
	failed += !!read_disk(disk, PAGES, page, page_size);
	km_end_other(child);
	failed += !km_put(CGROUPS "/cgroup.procs", "0");
	failed += !km_put(ENABLED, "0");
	return failed;
}

int main(int argc, char **argv)
{
	unsigned char *p, *page;
	struct generations now;
	int disk;

	page_size = km_page_size();
	km_start(argc, argv);
#ifdef __s390x__
	km_absent("get_pte_pfn() of s390x warns about special pages");	/* seen with Linux 6.1 */
#endif
	if (access(ENABLED, W_OK))
		km_absent("no multi-generational LRU in this kernel");
	km_mount_debugfs();
	if (access(CONTROL, W_OK))
		km_absent("no lru_gen in debugfs of this kernel");
	read_file(ENABLED);
	was = strtol(file_text, NULL, 16);
	if (atexit(put_back_lru))
		km_fail("atexit");
	cgroup_with_reclaim();
	if (!find(&now))
		km_fail(CONTROL ": the cgroup is not found");
	fill_disk(SWAP_PAGES);
	swap_to_zram(SWAP_PAGES * page_size);
	disk = open_disk(false);
	p = km_anonymous(PAGES * page_size);
	page = km_anonymous(page_size);
	errno = 0;
	while (km_pass()) {
		drop_disk_cache(disk);
		km_write(ENABLED, "0");
		km_begin();
		end_steps(1, one_round(p, disk, page));
		check_filled(p, PAGES);
		madvise(p, PAGES * page_size, MADV_DONTNEED);
	}
	return km_finish();
}
