// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes a whole populated VMA read-only and writable again: mprotect_fixup(), change_protection() over many pages. */
#include "../common.h"

#define PAGES 2048
#define ROUNDS 20

/* The kernel writes on our behalf: no signal where it may not. */
static int may_write(int zero, char *p)
{
	ssize_t got = pread(zero, p, 1, 0);

	if (got != 1 && errno != EFAULT)
		km_fail("/dev/zero");
	errno = 0;
	return got == 1;
}

int main(int argc, char **argv)
{
	int zero = open("/dev/zero", O_RDONLY);
	size_t size = PAGES * start(argc, argv);
	char *p = arena(size);

	while (km_pass()) {
		int errors = 0, writable = 0;

		map_numbers(p, PAGES);
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			errors += mprotect(p, size, PROT_READ);
			errors += mprotect(p, size, RW);
		}
		errors += mprotect(p, size, PROT_READ);
		km_end((2 * ROUNDS + 1) * PAGES);
		if (errors)
			km_fail("%d of the calls failed", -errors);
		for (size_t i = 0; i < PAGES; i++)
			writable += may_write(zero, p + i * page_size);
		if (writable)
			km_fail("%d pages are writable still", writable);
		check_numbers(p, PAGES);
		if (mprotect(p, size, RW) || !may_write(zero, p) || !may_write(zero, p + size - 1))
			km_fail("the pages cannot be made writable again");
		expect_vma(p, PAGES);
		km_wipe(p, size, page_size);
		close_area(p, size);
	}
	return km_finish();
}
