// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads what /proc tells of page tables (fs/proc/task_mmu.c): pagemap_pmd_range(), smaps_pte_range(),
 * clear_refs_pte_range().
 */
#include "../child.h"

#define PAGES 4096	/* of the child, a half of which is there */
#define USED (PAGES / 2)
#define ROUNDS 12
#define TEXT 32768	/* bytes of smaps that are read together */

static int pagemap, smaps, clear_refs;

static int open_of_child(const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", child, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		km_absent("this kernel has no %s (CONFIG_PROC_PAGE_MONITOR)", path);
	return fd;
}

/* Returns how many of the system calls went wrong. */
static int read_all(const char *p, uint64_t *entries, char *text)
{
	ssize_t wanted = PAGES * sizeof(*entries), got;
	int errors = pread(pagemap, entries, wanted, (uintptr_t)p / page_size * sizeof(*entries)) != wanted;

	errors += lseek(smaps, 0, SEEK_SET) != 0;
	do
		got = read(smaps, text, TEXT);
	while (got > 0);
	errors += got != 0;
	return errors + (write(clear_refs, "1", 1) != 1);
}

static void check(const uint64_t *entries)
{
	for (size_t i = 0; i < PAGES; i++)
		if (!(entries[i] & KM_PRESENT) != (i >= USED))
			km_fail("pagemap is wrong about page %zu", i);
}

int main(int argc, char **argv)
{
	uint64_t *entries;
	char *text;

	start_child(PAGES, USED);
	start(argc, argv);
	need_advice(MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE");
	pagemap = open_of_child("pagemap", O_RDONLY);
	smaps = open_of_child("smaps", O_RDONLY);
	clear_refs = open_of_child("clear_refs", O_WRONLY);
	entries = km_map(NULL, PAGES * sizeof(*entries), RW, ANONYMOUS | MAP_POPULATE, -1);
	text = km_map(NULL, TEXT, RW, ANONYMOUS | MAP_POPULATE, -1);
	while (km_pass()) {
		char *p = when_used();
		int errors = 0;

		memset(entries, 0, PAGES * sizeof(*entries));
		memset(text, 0, TEXT);
		expect_of_child(p, "Referenced", USED);
		km_begin();
		for (int i = 0; i < ROUNDS; i++)
			errors += read_all(p, entries, text);
		km_end(ROUNDS * PAGES);
		if (errors)
			km_fail("%d of the system calls went wrong", errors);
		check(entries);
		if (!memmem(text, TEXT, "Referenced:", 11))
			km_fail("this is not smaps");
		expect_of_child(p, "Rss", USED);
		expect_of_child(p, "Referenced", 0);
		use_again();
	}
	km_end_other(child);
	return km_finish();
}
