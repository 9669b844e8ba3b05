// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads pages of an ext4 file that are not in the cache, one here, one there, with POSIX_FADV_RANDOM: filemap_read(),
 * page_cache_sync_ra(), force_page_cache_ra(), filemap_add_folio(), read_pages().
 */
#include "../common.h"

#define SIZE ((size_t)8 << 20)
#define STRIDE 607	/* pages from one to the next, around the end; has no factor in common with their number */

static size_t place(size_t i, size_t pages)
{
	return i * STRIDE % pages;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), pages = SIZE / page_size, read_pages = pages / 2;
	unsigned char *p;

	km_start(argc, argv);
	km_mount_ram(EXT4);
	p = buffer(read_pages * page_size);
	close(ext4_file(SIZE, 4));
	ext4_settle();
	while (km_pass()) {
		int fd = ext4_open(0);
		size_t got = 0;

		memset(p, 0, read_pages * page_size);
		make_cold(fd, SIZE);
		if (posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM))
			km_fail("posix_fadvise(POSIX_FADV_RANDOM)");
		km_begin();
		for (size_t i = 0; i < read_pages; i++)
			got += pread(fd, p + i * page_size, page_size, place(i, pages) * page_size);
		km_end(read_pages);
		if (got != read_pages * page_size)
			km_fail("not all was read");
		for (size_t i = 0; i < read_pages; i++)
			check_words(p + i * page_size, page_size, place(i, pages), 4);
		check_resident(fd, SIZE, read_pages);
		close(fd);
	}
	return km_finish();
}
