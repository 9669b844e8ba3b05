// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages of a mapped file on ext4 are written to and synced: do_page_mkwrite(), msync(), filemap_fdatawrite_range(),
 * write_cache_pages(), clear_page_dirty_for_io(), folio_mkclean(), __folio_end_writeback().
 */
#include "../common.h"

#define PAGES 1024
#define RANGE 16	/* pages that are synced together */
#define FOLDER "/tmp/msync"

/* Its blocks are there, and all is on the disk: what is written in a region changes contents and nothing else. */
static int make_file(char *p, size_t size)
{
	int fd = open(FOLDER "/file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || posix_fallocate(fd, 0, size))
		km_fail(FOLDER "/file");
	map_file(p, size, fd);
	write_numbers(p, PAGES);
	return fd;
}

int main(int argc, char **argv)
{
	size_t size;
	char *p;
	int fd;

	start(argc, argv);
	km_mount_ram(FOLDER);
	size = PAGES * page_size;
	p = arena(size);
	fd = make_file(p, size);
	while (km_pass()) {
		long long written;
		int errors = 0;

		for (size_t i = 0; i < PAGES; i++)
			((uint64_t *)(p + i * page_size))[1] = 0;
		if (msync(p, size, MS_SYNC) || fsync(fd))
			km_fail("fsync");
		written = km_count("nr_written");
		km_begin();
		for (size_t i = 0; i < PAGES; i += RANGE) {
			for (size_t n = i; n < i + RANGE; n++)
				*(volatile uint64_t *)(p + n * page_size + sizeof(uint64_t)) = n;
			errors += msync(p + i * page_size, RANGE * page_size, MS_SYNC);
		}
		km_end(PAGES);
		if (errors)
			km_fail("%d calls failed", -errors);
		km_check_count("nr_written", written, PAGES);
		km_check_smaps(p, size, "Shared_Dirty", 0);
		km_check_smaps(p, size, "Private_Dirty", 0);
		check_numbers(p, PAGES);
		for (size_t i = 0; i < PAGES; i++)
			if (((uint64_t *)(p + i * page_size))[1] != i)
				km_fail("page %zu does not hold what was written", i);
	}
	close_area(p, size);
	close(fd);
	unlink(FOLDER "/file");
	return km_finish();
}
