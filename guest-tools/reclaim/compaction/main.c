// SPDX-License-Identifier: GPL-2.0-or-later
/* compact_zone(), isolate_migratepages_block(), isolate_freepages() and migrate_pages(), by compact_memory. */
#include "../common.h"

#define COMPACT "/proc/sys/vm/compact_memory"
#define PAGES 8192	/* every other of them is freed */

int main(int argc, char **argv)
{
	size_t page_size = page_bytes(), size = PAGES * page_size;
	int trigger;

	km_start(argc, argv);
	trigger = open(COMPACT, O_WRONLY);
	if (trigger < 0)
		km_absent("no " COMPACT " in this kernel");
	while (km_pass()) {
		long long migrated = vmstat("pgmigrate_success");
		unsigned char *p = anonymous(size);
		ssize_t written;

		for (size_t i = 0; i < PAGES; i++)
			*(uint64_t *)(p + i * page_size) = word_of(i, 0);
		for (size_t i = 0; i < PAGES; i += 2)
			if (madvise(p + i * page_size, page_size, MADV_DONTNEED))
				km_fail("madvise(MADV_DONTNEED)");
		km_begin();
		written = pwrite(trigger, "1", 1, 0);
		km_end(PAGES / 2);
		if (written != 1)
			km_fail(COMPACT);
		check_events("pgmigrate_success", migrated, PAGES / 16);
		for (size_t i = 1; i < PAGES; i += 2)
			if (*(uint64_t *)(p + i * page_size) != word_of(i, 0))
				km_fail("page %zu does not hold what was written", i);
		munmap(p, size);
	}
	return km_finish();
}
