// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reclaims the clean pages of a mapped file on ext4: madvise_cold_or_pageout_pte_range(), reclaim_pages(),
 * shrink_page_list(), try_to_unmap(), __remove_mapping().
 */
#include "../madvised.h"

#define PAGES 2048
#define FOLDER "/tmp/madvise-pageout"

static int make_file(void)
{
	int fd = open(FOLDER "/file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *page = km_map(NULL, page_size, RW, ANONYMOUS, -1);

	if (fd < 0)
		km_fail(FOLDER "/file");
	for (size_t i = 0; i < PAGES; i++) {
		write_numbers(page, 1);
		((uint64_t *)page)[0] = i + 1;
		((uint64_t *)page)[page_size / sizeof(uint64_t) - 1] = i + 1;
		if (pwrite(fd, page, page_size, i * page_size) != (ssize_t)page_size)
			km_fail(FOLDER "/file");
	}
	if (fsync(fd))
		km_fail("fsync");
	munmap(page, page_size);
	return fd;
}

/* Nothing of it is in the page cache, so that all of it is read alike. */
static void read_file(int fd, char *p, size_t size)
{
	km_map(p, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd);
	km_small_pages(p, size);
	if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		km_fail("posix_fadvise");
	if (madvise(p, size, MADV_RANDOM))	/* no readahead: single pages on any kernel */
		km_fail("madvise(MADV_RANDOM)");
	check_numbers(p, PAGES);
	km_check_pages(p, PAGES, KM_PRESENT, PAGES);
}

int main(int argc, char **argv)
{
	size_t size, left;
	int fd, stays = 0;
	char *p;

	start(argc, argv);
	need_advice(MADV_PAGEOUT, "MADV_PAGEOUT");
	km_mount_ram(FOLDER);
	size = PAGES * page_size;
	p = arena(size);
	fd = make_file();
	while (km_pass()) {
		read_file(fd, p, size);
		measure_advice(p, PAGES, MADV_PAGEOUT);
		km_check_pages(p, PAGES, KM_PRESENT, 0);
		left = km_resident(p, PAGES);	/* a few may wait for the LRU lists and cannot be reclaimed */
		if (left > PAGES / 2)
			km_fail("%zu of %d pages are in the page cache still", left, PAGES);
		if (left > RANGE && !stays++)
			km_note("%zu of %d pages stay in the page cache", left, PAGES);
		check_numbers(p, PAGES);
		close_area(p, size);
	}
	close(fd);
	unlink(FOLDER "/file");
	return km_finish();
}
