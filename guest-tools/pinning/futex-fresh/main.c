// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Futex calls on words of fresh anonymous memory, a page each that is not there yet. FUTEX_WAKE without
 * FUTEX_PRIVATE_FLAG looks the page up: get_futex_key(), get_user_pages_fast(). FUTEX_LOCK_PI with it goes straight for
 * the word and has it faulted in then: fault_in_user_writeable(), fixup_user_fault().
 */
#include "../common.h"

#define CALLS 2048	/* of each kind */

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = 2 * CALLS * page_size;
	uint32_t tid = gettid(), zero = 0;

	km_start(argc, argv);
	if (futex(&zero, FUTEX_TRYLOCK_PI_PRIVATE, 0) && errno == ENOSYS)
		km_absent("this kernel has no futexes with priority inheritance");
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		long woken = 0;

		km_begin();
		for (size_t i = 0; i < size; i += 2 * page_size) {
			uint32_t *word = (uint32_t *)(p + i + page_size);

			woken |= futex((uint32_t *)(p + i), FUTEX_WAKE, 1);
			if (futex(word, FUTEX_LOCK_PI_PRIVATE, 0) || *word != tid)
				km_fail("FUTEX_LOCK_PI");
		}
		km_end(2 * CALLS);
		if (woken)
			km_fail("FUTEX_WAKE: somebody was woken, or an error");
		if (km_resident(p, 2 * CALLS) != 2 * CALLS)
			km_fail("not all pages are there");
		for (size_t i = page_size; i < size; i += 2 * page_size)
			if (futex((uint32_t *)(p + i), FUTEX_UNLOCK_PI_PRIVATE, 0))
				km_fail("FUTEX_UNLOCK_PI");
		munmap(p, size);
	}
	return km_finish();
}
