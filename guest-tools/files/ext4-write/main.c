// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes whole pages over a file of ext4 whose blocks are there, and has them written to the disk:
 * generic_perform_write(), balance_dirty_pages_ratelimited(), folio_mark_dirty(), write_cache_pages() and
 * filemap_fdatawrite_range(), folio_clear_dirty_for_io(), folio_end_writeback(), filemap_fdatawait_range().
 */
#include "../common.h"

#define SIZE ((size_t)6 << 20)

static size_t write_all(int fd, const unsigned char *p)
{
	size_t done = 0;

	for (size_t at = 0; at < SIZE; at += CHUNK)
		done += pwrite(fd, p + at, CHUNK, at);
	return done;
}

static int sync_all(int fd)
{
	const int flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

	return sync_file_range(fd, 0, SIZE, flags) || fsync(fd);
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();
	unsigned int seed = 5;	/* another content each pass: it must be on the disk */
	unsigned char *p;

	km_start(argc, argv);
	km_mount_ram(EXT4);
	p = buffer(SIZE);
	close(ext4_file(SIZE, seed));
	while (km_pass()) {
		int fd = ext4_open(0), failed;
		size_t done;

		fill(p, SIZE, 0, ++seed);
		make_cold(fd, SIZE);
		ext4_settle();
		km_begin();
		done = write_all(fd, p);
		failed = sync_all(fd);
		km_end(SIZE / page_size);
		if (done != SIZE || failed)
			km_fail("not all was written");
		make_cold(fd, SIZE);	/* fails if a page is dirty still */
		check_file(fd, SIZE, seed);
		close(fd);
	}
	return km_finish();
}
