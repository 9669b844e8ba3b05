// SPDX-License-Identifier: GPL-2.0-or-later
/* compact_zone(), isolate_migratepages_block(), isolate_freepages() and migrate_pages(), by compact_memory. */
#include "../common.h"

#define COMPACT "/proc/sys/vm/compact_memory"
#define PAGES 8192	/* every other of them is freed */

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;
	int trigger;

	km_start(argc, argv);
	trigger = open_or_absent(COMPACT, O_WRONLY);
	while (km_pass()) {
		long long migrated = km_count("pgmigrate_success");
		unsigned char *p = km_anonymous(size);
		ssize_t written, wrong;

		km_fill(p, PAGES);
		for (size_t i = 0; i < PAGES; i += 2)
			if (madvise(p + i * page_size, page_size, MADV_DONTNEED))
				km_fail("madvise(MADV_DONTNEED)");
		km_begin();
		written = pwrite(trigger, "1", 1, 0);
		km_end(PAGES / 2);
		if (written != 1)
			km_fail(COMPACT);
		km_check_count("pgmigrate_success", migrated, PAGES / 16);
		wrong = km_unlike(p, PAGES) - PAGES / 2;	/* what was freed is zero */
		if (wrong)
			km_fail("%zd pages do not hold what was written", wrong);
		munmap(p, size);
	}
	return km_finish();
}
