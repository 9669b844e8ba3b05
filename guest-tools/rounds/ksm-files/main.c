// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mm/ksm.c at a small max_page_sharing: alloc_stable_node_chain(), stable_node_dup(), stable_node_chain_add_dup(),
 * remove_stable_node_chain(); merge_across_nodes, use_zero_pages, and the files of /sys.
 */
#include <dirent.h>
#include <sys/prctl.h>
#include <time.h>

#include "../common.h"

#define KSM "/sys/kernel/mm/ksm/"
#define PAGES 48
#define SHARING 4	/* so many maps of a page at most, then a copy of it */

static void read_files(void)
{
	char path[300];
	struct dirent *entry;
	DIR *dir = opendir(KSM);
	int files = 0;

	must(dir);
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.') {
			snprintf(path, sizeof(path), KSM "%s", entry->d_name);
			must(read_all(path, 4096) > 0);
			files++;
		}
	must(files > 10 && !closedir(dir));
}

static void nap(long ms)
{
	struct timespec time = { 0, ms * 1000000 };

	nanosleep(&time, NULL);
}

/* Until so many pages share; the clock of idle time costs nothing. */
static void wait_for(const char *path, long at_least)
{
	for (int i = 0; i < 200 && km_read(path) < at_least; i++)
		nap(10);
	if (km_read(path) < at_least)
		km_fail("%s is %ld, not %ld", path, km_read(path), at_least);
}

static char *equal_pages(void)
{
	char *p = anonymous(PAGES);

	for (size_t i = 0; i < PAGES; i++)
		*(volatile uint64_t *)(p + i * page_size) = 77;
	must(!madvise(p, PAGES * page_size, MADV_MERGEABLE));
	return p;
}

/* Somebody else's: walks all maps of a page. */
static void walk(char *p)
{
	void *pages[1] = { p };
	int status[1] = { -1 };

	must(!mlock(p, page_size) && !munlock(p, page_size));
	if (syscall(SYS_move_pages, 0, 1, pages, NULL, status, 0))
		must(errno == ENOSYS);
	errno = 0;
	if (is_there("/sys/kernel/mm/page_idle/bitmap")) {
		uint64_t frame, word;
		int idle = open("/sys/kernel/mm/page_idle/bitmap", O_RDWR);

		must(km_pagemap(p, 1, &frame));
		frame &= KM_PFN;
		word = 1ull << frame % 64;
		must(pwrite(idle, &word, 8, frame / 64 * 8) == 8 && pread(idle, &word, 8, frame / 64 * 8) == 8);
		close(idle);
	}
}

static void merge_all(const char *across, bool chains)
{
	int fd = open(KSM "max_page_sharing", O_WRONLY);
	char *p;

	if (is_there(KSM "merge_across_nodes"))
		must(km_put(KSM "merge_across_nodes", across));
	p = equal_pages();
	must(km_put(KSM "run", "1"));
	wait_for(KSM "pages_sharing", PAGES - PAGES / SHARING - 1);
	if (chains)
		must(km_read(KSM "stable_node_chains") == 1 && km_read(KSM "stable_node_dups") > 1);
	read_files();
	walk(p);
	for (size_t i = 0; i < PAGES; i += 5)
		*(volatile uint64_t *)(p + i * page_size) = 5;	/* breaks them */
	wait_for(KSM "full_scans", km_read(KSM "full_scans") + 2);
	for (size_t i = 0; i < PAGES; i++)
		must(*(volatile uint64_t *)(p + i * page_size) == (i % 5 ? 77 : 5));
	must(fd >= 0);
	refused(pwrite(fd, "9", 1, 0), EBUSY);	/* pages are merged */
	must(!close(fd));
	must(!madvise(p, PAGES * page_size / 2, MADV_UNMERGEABLE));
	must(km_put(KSM "run", "2"));
	must(!km_read(KSM "pages_sharing") && !munmap(p, PAGES * page_size));
	must(km_put(KSM "run", "0"));
}

int main(int argc, char **argv)
{
	static const char *const settings[] = {
		KSM "run", KSM "pages_to_scan", KSM "sleep_millisecs", KSM "max_page_sharing", KSM "use_zero_pages",
		KSM "stable_node_chains_prune_millisecs",
	};

	begin_program(argc, argv);
	if (!is_there(KSM "run"))
		km_absent("no KSM in this kernel");
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		km_keep(settings[i]);
	must(km_put(KSM "run", "2"));
	must(km_put(KSM "run", "0"));
	while (km_pass()) {
		km_begin();
		must(km_put(KSM "pages_to_scan", "200"));
		must(km_put(KSM "sleep_millisecs", "5"));
		must(km_put(KSM "max_page_sharing", "4"));
		must(km_put(KSM "stable_node_chains_prune_millisecs", "1"));
		must(km_put(KSM "use_zero_pages", "1"));
		merge_all("1", true);
		if (is_there(KSM "merge_across_nodes"))
			merge_all("0", true);
		if (is_there(KSM "merge_across_nodes"))
			must(km_put(KSM "merge_across_nodes", "1"));
		must(km_put(KSM "use_zero_pages", "0"));
		km_end(1);
	}
	return km_finish();
}
