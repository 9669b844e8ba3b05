// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to a private mapping of a file whose pages are there: do_cow_fault(). Page tables are there. */
#include "../common.h"

#define PAGES 3072

/* The first byte is overwritten; what the second one says has been copied. */
static void check_copied(const unsigned char *p, size_t page_size)
{
	for (size_t i = 0; i < PAGES; i++)
		if (p[i * page_size] != value(i) || p[i * page_size + 1] != value(i + 1))
			km_fail("page %zu is not a copy with one byte written", i);
}

static void check_file(int fd, size_t page_size)
{
	for (size_t i = 0; i < PAGES; i++) {
		unsigned char bytes[2];

		if (pread(fd, bytes, 2, i * page_size) != 2 || bytes[0] != 0xff || bytes[1] != value(i + 1))
			km_fail("page %zu of the file has changed", i);
	}
}

static int create(size_t page_size)
{
	int fd = memfd_create("file-write-private", 0);

	if (fd < 0 || ftruncate(fd, PAGES * page_size))
		km_fail("memfd of %d pages", PAGES);
	for (size_t i = 0; i < PAGES; i++) {
		unsigned char bytes[2] = { 0xff, value(i + 1) };	/* 0xff is no value() */

		if (pwrite(fd, bytes, 2, i * page_size) != 2)
			km_fail("write to a memfd");
	}
	return fd;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size, units;
	int fd;

	km_start(argc, argv);
	fd = create(page_size);
	while (km_pass()) {
		unsigned char *p = map_apart(size, KM_TABLE, MAP_PRIVATE, fd);

		write_tables(p, size, page_size);
		km_begin();
		units = write_rest(p, size, page_size);
		km_end(units);
		km_check_smaps(p, size, "Anonymous", size);
		check_copied(p, page_size);
		check_file(fd, page_size);
		km_wipe(p, size, page_size);
		km_wipe(p + 1, size, page_size);
		unmap_apart(p, size);
	}
	close(fd);
	return km_finish();
}
