// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asks for memory half of which is there: mincore_pte_range(), and mincore_page() for a file that is not in page
 * tables.
 */
#include "../common.h"

#define PAGES 4096	/* of anonymous memory, and of a file: each second page is there */
#define ROUNDS 8

/* Written without a mapping: in the page cache, but in nobody's page tables. */
static int half_a_file(void)
{
	int fd = km_memfd(PAGES * page_size);

	for (size_t i = 0; i < PAGES; i += 2)
		if (pwrite(fd, "1", 1, i * page_size) != 1)
			km_fail("a file in memory");
	return fd;
}

static void check(const unsigned char *there, const char *what)
{
	for (size_t i = 0; i < PAGES; i++)
		if ((there[i] & 1) != !(i % 2))
			km_fail("mincore() is wrong about page %zu of %s", i, what);
}

int main(int argc, char **argv)
{
	unsigned char *there;
	char *own, *mapped;
	size_t size;

	start(argc, argv);
	size = PAGES * page_size;
	own = arena(size);
	mapped = arena(size);
	there = km_map(NULL, 2 * PAGES, RW, ANONYMOUS, -1);
	while (km_pass()) {
		int fd = half_a_file(), errors = 0;

		map_small_pages(own, size);
		for (size_t i = 0; i < PAGES; i += 2)
			own[i * page_size] = 1;
		km_map(mapped, size, RW, MAP_SHARED | MAP_FIXED, fd);
		memset(there, 0xff, 2 * PAGES);
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			errors += mincore(own, size, there);
			errors += mincore(mapped, size, there + PAGES);
		}
		km_end(2 * ROUNDS * PAGES);
		if (errors)
			km_fail("%d calls failed", -errors);
		check(there, "anonymous memory");
		check(there + PAGES, "a file");
		km_wipe(own, size, page_size);
		close_area(own, size);
		close_area(mapped, size);
		close(fd);
	}
	munmap(there, 2 * PAGES);
	return km_finish();
}
