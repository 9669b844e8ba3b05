// SPDX-License-Identifier: GPL-2.0-or-later
/* folio_mark_accessed() and folio_activate(): pages of the page cache that are read for a second time become active. */
#include "../common.h"

#define PAGES 2048	/* of tmpfs, and as many of a block device */
#define SLACK 64	/* pages that wait to be put there together */

/* The multi-generational LRU counts accesses, and has no active list of this kind. */
static bool has_active_list(void)
{
	unsigned int enabled = 0;
	FILE *file = fopen("/sys/kernel/mm/lru_gen/enabled", "r");

	if (file && fscanf(file, "%x", &enabled) != 1)
		km_fail("lru_gen/enabled");
	if (file)
		fclose(file);
	if (enabled & 1)
		km_note("pages have generations and are not activated: that is not checked");
	errno = 0;
	return !(enabled & 1);
}

/* Written through a mapping that stays, so that no page counts as read. */
static int fresh_tmpfs(size_t size, unsigned char **p)
{
	int fd = memfd_create("lru-activate", 0);

	if (fd < 0 || ftruncate(fd, size))
		km_fail("memfd of %zu bytes", size);
	*p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*p == MAP_FAILED)
		km_fail("mmap of %zu bytes", size);
	for (size_t i = 0; i < size; i += page_bytes())
		*(uint64_t *)(*p + i) = disk_word(i / page_bytes());
	return fd;
}

int main(int argc, char **argv)
{
	size_t page_size = page_bytes(), size = PAGES * page_size;
	unsigned char *page = anonymous(page_size);
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
		anon = vmstat("nr_active_anon");
		file = vmstat("nr_active_file");
		km_begin();
		wrong += read_disk(memory, PAGES, page, page_size);
		wrong += read_disk(disk, PAGES, page, page_size);
		km_end(2 * PAGES);
		if (wrong)
			km_fail("%zu pages do not hold what was written", wrong);
		if (active) {
			check_events("nr_active_anon", anon, PAGES - SLACK);
			check_events("nr_active_file", file, PAGES - SLACK);
		}
		munmap(p, size);
		close(memory);
	}
	return km_finish();
}
