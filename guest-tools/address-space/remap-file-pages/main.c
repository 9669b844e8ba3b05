// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Turns the order of a file's mapped pages round and back: remap_file_pages(), do_mmap() over a mapping, splits and
 * merges.
 */
#include "../common.h"

#define PAGES 64
#define ROUNDS 10

static int put_in_order(char *p, bool turned)
{
	int errors = 0;

	for (size_t i = 0; i < PAGES; i++)
		errors -= syscall(SYS_remap_file_pages, p + i * page_size, page_size, 0, turned ? PAGES - 1 - i : i, 0);
	return errors;
}

int main(int argc, char **argv)
{
	size_t size;
	char *p;
	int fd;

	start(argc, argv);
	size = PAGES * page_size;
	fd = file_with_numbers(PAGES);
	p = arena(size);
	if (syscall(SYS_remap_file_pages, p, 0, 0, 0, 0) && errno == ENOSYS)
		km_absent("this kernel has no remap_file_pages()");
	errno = 0;
	while (km_pass()) {
		int errors = 0;

		map_file(p, size, fd);
		check_numbers(p, PAGES);
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			errors += put_in_order(p, true);
			errors += put_in_order(p, false);
		}
		errors += put_in_order(p, true);
		km_end((2 * ROUNDS + 1) * PAGES);
		if (errors)
			km_fail("%d calls failed", errors);
		for (size_t i = 0; i < PAGES; i++)
			if (first_word(p, i) != PAGES - i)
				km_fail("page %zu of the mapping is not page %zu of the file", i, PAGES - 1 - i);
		expect_vma(p, 1);
		if (put_in_order(p, false))
			km_fail("remap_file_pages");
		expect_vma(p, PAGES);
		check_numbers(p, PAGES);
		close_area(p, size);
	}
	close(fd);
	return km_finish();
}
