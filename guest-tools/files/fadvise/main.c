// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drops clean pages of a file of ext4 from the cache: generic_fadvise(), invalidate_mapping_pages() or
 * mapping_try_invalidate(), mapping_evict_folio(), remove_mapping(), release_pages(). Most are read from holes: the
 * disk is small.
 */
#include "../common.h"

#define WRITTEN ((size_t)4 << 20)
#define SIZE ((size_t)32 << 20)

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();
	int fd;

	km_start(argc, argv);
	km_mount_ram(EXT4);
	fd = ext4_file(WRITTEN, 12);
	if (ftruncate(fd, SIZE))
		km_fail("ftruncate");
	make_cold(fd, SIZE);
	ext4_settle();
	close(fd);
	while (km_pass()) {
		int failed;

		fd = ext4_open(0);
		cache_file(fd, SIZE);
		check_resident(fd, SIZE, SIZE / page_size);
		km_begin();
		failed = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		km_end(SIZE / page_size);
		if (failed)
			km_fail("posix_fadvise(POSIX_FADV_DONTNEED)");
		check_resident(fd, SIZE, 0);
		check_file(fd, WRITTEN, 12);
		make_cold(fd, SIZE);
		close(fd);
	}
	return km_finish();
}
