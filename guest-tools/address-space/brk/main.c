// SPDX-License-Identifier: GPL-2.0-or-later
/* Moves the program break up, touches the new pages and moves it down: brk(), do_brk_flags(), do_brk_munmap(). */
#include "../common.h"

#define PAGES 16
#define ROUNDS 160

/* Past the memory of malloc(), which is locked, with a page of the same VMA and page table that stays. */
static char *own_break(void)
{
	uintptr_t now = (uintptr_t)sbrk(0), first = (now + KM_TABLE - 1) & ~(KM_TABLE - 1);
	volatile char *p = (char *)first;

	if (brk((char *)p + page_size))
		km_fail("brk");
	p[0] = 1;
	return (char *)p + page_size;
}

int main(int argc, char **argv)
{
	char *low, *high;

	start(argc, argv);
	no_huge_pages_at_all();
	low = own_break();
	high = low + PAGES * page_size;
	while (km_pass()) {
		volatile unsigned char *p = (unsigned char *)low;
		int old = 0, wrong = 0;

		km_begin();
		for (int round = 0; round < ROUNDS; round++) {
			wrong += syscall(SYS_brk, high) != (long)high;
			for (size_t i = 0; i < PAGES; i++) {
				p[i * page_size + 1] = 1;	/* first of all: one fault, not one more for reading */
				old += p[i * page_size]++;	/* what the last round has written must be gone */
			}
			wrong += syscall(SYS_brk, low) != (long)low;
		}
		km_end(ROUNDS * PAGES);
		if (wrong || old)
			km_fail("%d calls failed, %d pages were not fresh", wrong, old);
		expect_unmapped(low);
	}
	return km_finish();
}
