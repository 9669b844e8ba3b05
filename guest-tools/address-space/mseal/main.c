// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Seals a VMA page by page: mseal(), mseal_fixup(), vma_modify_flags() and what moves the border of two VMAs. A seal
 * cannot be taken back, so each pass goes on where the last one has stopped: again there is a sealed VMA before and one
 * that is not behind.
 */
#include "../common.h"

#define CALLS 3000	/* a pass, a page each */
#define MOST 80		/* passes */

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

int main(int argc, char **argv)
{
	size_t pages = (size_t)CALLS * MOST + 2;	/* one in front, one at the end */
	char *p, *next;

	start(argc, argv);
	p = arena(pages * page_size);
	km_map(p, pages * page_size, RW, ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1);
	if (syscall(SYS_mseal, p, page_size, 0)) {
		if (errno == ENOSYS)
			km_absent("this kernel has no mseal()");
		km_fail("mseal");
	}
	next = p + page_size;
	for (int pass = 0; km_pass(); pass++) {
		int errors = 0;

		if (pass == MOST)
			km_fail("there is room for %d passes only", MOST);
		expect_vma(next, (p + pages * page_size - next) / page_size);
		km_begin();
		for (int i = 0; i < CALLS; i++, next += page_size)
			errors += syscall(SYS_mseal, next, page_size, 0);
		km_end(CALLS);
		if (errors)
			km_fail("%d calls failed", -errors);
		expect_vma(p, (next - p) / page_size);
		for (char *sealed = p; sealed < next; sealed += page_size)
			if (!munmap(sealed, page_size) || errno != EPERM)
				km_fail("a sealed page could be unmapped");
		errno = 0;
		expect_vma(p, (next - p) / page_size);
	}
	return km_finish();
}
