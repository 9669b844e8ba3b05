// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cuts a cached file of ext4 to nothing: truncate_inode_pages_range(), find_lock_entries(), truncate_cleanup_folio(),
 * delete_from_page_cache_batch(), try_to_free_buffers(). Most of its pages are read from holes: the disk is small.
 */
#include "../common.h"

#define WRITTEN ((size_t)4 << 20)
#define SIZE ((size_t)32 << 20)

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();

	km_start(argc, argv);
	km_mount_ram(EXT4);
	while (km_pass()) {
		int fd = ext4_file(WRITTEN, 8), failed;
		struct stat status;

		if (ftruncate(fd, SIZE) || fsync(fd))
			km_fail("ftruncate");
		cache_file(fd, SIZE);
		check_resident(fd, SIZE, SIZE / page_size);
		ext4_settle();
		km_begin();
		failed = ftruncate(fd, 0);
		km_end(SIZE / page_size);
		if (failed || fstat(fd, &status) || status.st_blocks || status.st_size)
			km_fail("ftruncate: something is left");
		if (ftruncate(fd, SIZE))
			km_fail("ftruncate");
		check_resident(fd, SIZE, 0);
		if (close(fd) || unlink(EXT4_FILE))
			km_fail("unlink");
		ext4_settle();	/* now its blocks can be had again */
	}
	return km_finish();
}
