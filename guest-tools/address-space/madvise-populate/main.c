// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Populates a VMA for reading and another for writing: madvise_populate(), faultin_vma_page_range(),
 * __get_user_pages().
 */
#include "../common.h"

#define PAGES 2048	/* of each VMA */

static long faults_of_writing(char *p)
{
	long before = km_faults();

	write_numbers(p, PAGES);
	return km_faults() - before;
}

int main(int argc, char **argv)
{
	char *to_read, *to_write;
	size_t size;

	start(argc, argv);
	need_advice(MADV_POPULATE_READ, "MADV_POPULATE_READ");
	need_advice(MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE");
	size = PAGES * page_size;
	to_read = arena(size);
	to_write = arena(size);
	while (km_pass()) {
		long faults;

		map_small_pages(to_read, size);
		map_small_pages(to_write, size);
		km_begin();
		if (madvise(to_read, size, MADV_POPULATE_READ) || madvise(to_write, size, MADV_POPULATE_WRITE))
			km_fail("madvise");
		km_end(2 * PAGES);
		km_check_pages(to_read, PAGES, KM_PRESENT, PAGES);
		km_check_pages(to_write, PAGES, KM_PRESENT, PAGES);
		faults = km_faults();
		check_zeros(to_read, PAGES);
		check_zeros(to_write, PAGES);
		if (km_faults() != faults)
			km_fail("reading populated memory took %ld faults", km_faults() - faults);
		faults = faults_of_writing(to_write);
		if (faults)
			km_fail("writing to what was populated for it took %ld faults", faults);
		faults = faults_of_writing(to_read);
		if (faults != PAGES)
			km_fail("writing to what was populated for reading took %ld faults", faults);
		km_wipe(to_read, size, page_size);
		km_wipe(to_write, size, page_size);
		close_area(to_read, size);
		close_area(to_write, size);
	}
	return km_finish();
}
