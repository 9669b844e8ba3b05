// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a file of ext4 that is not in the cache, in order: filemap_read(), filemap_get_pages(),
 * page_cache_sync_ra() and page_cache_async_ra(), page_cache_ra_order() or do_page_cache_ra(), filemap_add_folio(),
 * read_pages().
 */
#include "../common.h"

#define SIZE ((size_t)8 << 20)

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();
	unsigned char *p;

	km_start(argc, argv);
	km_mount_ram(EXT4);
	p = buffer(SIZE);
	close(ext4_file(SIZE, 3));
	ext4_settle();
	while (km_pass()) {
		int fd = ext4_open(0);
		size_t got = 0;

		memset(p, 0, SIZE);
		make_cold(fd, SIZE);
		km_begin();
		for (size_t at = 0; at < SIZE; at += CHUNK)
			got += pread(fd, p + at, CHUNK, at);
		km_end(SIZE / page_size);
		if (got != SIZE)
			km_fail("not all was read");
		check_words(p, SIZE, 0, 3);
		check_resident(fd, SIZE, SIZE / page_size);
		close(fd);
	}
	return km_finish();
}
