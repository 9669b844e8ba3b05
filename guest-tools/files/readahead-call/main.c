// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asks for a file of ext4 that is not in the cache: generic_fadvise(POSIX_FADV_WILLNEED), force_page_cache_ra(),
 * page_cache_ra_unbounded(), filemap_add_folio(), read_pages().
 */
#include "../common.h"

#define SIZE ((size_t)8 << 20)
#define PIECE ((size_t)128 << 10)
#define LOOKS 200

/* A disk that is not in memory may be late. */
static void wait_until_there(int fd)
{
	for (int i = 0; i < LOOKS && resident(fd, SIZE) != SIZE / km_page_size(); i++)
		usleep(10000);
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();

	km_start(argc, argv);
	km_mount_ram(EXT4);
	close(ext4_file(SIZE, 13));
	ext4_settle();
	while (km_pass()) {
		int fd = ext4_open(0);
		long failed = 0;

		make_cold(fd, SIZE);
		km_begin();
		for (size_t at = 0; at < SIZE; at += PIECE)
			failed |= readahead(fd, at, PIECE);
		km_end(SIZE / page_size);
		if (failed)
			km_fail("readahead");
		wait_until_there(fd);
		check_resident(fd, SIZE, SIZE / page_size);
		check_file(fd, SIZE, 13);
		close(fd);
	}
	return km_finish();
}
