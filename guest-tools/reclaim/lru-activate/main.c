// SPDX-License-Identifier: GPL-2.0-or-later
/* folio_mark_accessed() and folio_activate(): pages of the page cache that are read for a second time become active. */
#include "../common.h"

#define PAGES 2048	/* of tmpfs, and as many of a block device */
#define SLACK 64	/* pages that wait to be put there together */

/* The multi-generational LRU counts accesses, and has no active list of this kind. */
static bool has_active_list(void)
{
	char enabled[32] = "";
	bool generations;

	km_text("/sys/kernel/mm/lru_gen/enabled", enabled, sizeof(enabled));
	generations = strtoul(enabled, NULL, 16) & 1;
	if (generations)
		km_note("pages have generations and are not activated: that is not checked");
	errno = 0;
	return !generations;
}

/* Written through a mapping that stays, so that no page counts as read. */
static int fresh_tmpfs(size_t size, unsigned char **p)
{
	int fd = memfd_create("lru-activate", 0);

	if (fd < 0 || ftruncate(fd, size))
		km_fail("memfd of %zu bytes", size);
	*p = km_map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	km_fill(*p, PAGES);
	return fd;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;
	unsigned char *page = km_anonymous(page_size);
	bool active;
	int disk;

	km_start(argc, argv);
	active = has_active_list();
	fill_disk(PAGES);
	disk = open_disk(false);
	while (km_pass()) {
		long long anon, file;
		unsigned char *p;
		int memory = fresh_tmpfs(size, &p);
		size_t wrong;

		drop_disk_cache(disk);
		wrong = read_disk(memory, PAGES, page, page_size) + read_disk(disk, PAGES, page, page_size);
		drain_lru();
		anon = km_count("nr_active_anon");
		file = km_count("nr_active_file");
		km_begin();
		wrong += read_disk(memory, PAGES, page, page_size);
		wrong += read_disk(disk, PAGES, page, page_size);
		km_end(2 * PAGES);
		if (wrong)
			km_fail("%zu pages do not hold what was written", wrong);
		if (active) {
			km_check_count("nr_active_anon", anon, PAGES - SLACK);
			km_check_count("nr_active_file", file, PAGES - SLACK);
		}
		munmap(p, size);
		close(memory);
	}
	return km_finish();
}
