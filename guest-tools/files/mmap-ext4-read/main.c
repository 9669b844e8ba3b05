// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Read faults on a file of ext4 that is not in the cache: filemap_fault(), do_sync_mmap_readahead() and
 * do_async_mmap_readahead(), filemap_map_pages(), next_uptodate_folio(), set_pte_range() or do_set_pte().
 */
#include <sys/resource.h>

#include "../common.h"

#define SIZE ((size_t)8 << 20)

static long major_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_majflt;
}

static uint64_t sum_of(const unsigned char *p, size_t page_size)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < SIZE; i += page_size)
		sum += *(const volatile uint64_t *)(p + i);
	return sum;
}

static uint64_t expected_sum(size_t pages)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < pages; i++)
		sum += word_of(i, 14);
	return sum;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), pages = SIZE / page_size;

	km_start(argc, argv);
	km_mount_ram(EXT4);
	close(ext4_file(SIZE, 14));
	ext4_settle();
	while (km_pass()) {
		int fd = ext4_open(0);
		unsigned char *p = km_map(NULL, SIZE, PROT_READ, MAP_SHARED, fd);
		long faults;
		uint64_t sum;

		make_cold(fd, SIZE);
		faults = major_faults();
		km_begin();
		sum = sum_of(p, page_size);
		km_end(pages);
		if (sum != expected_sum(pages))
			km_fail("the file does not hold what was written");
		if (major_faults() == faults)
			km_fail("no fault had to read the file");
		check_resident(fd, SIZE, pages);
		munmap(p, SIZE);
		close(fd);
	}
	return km_finish();
}
