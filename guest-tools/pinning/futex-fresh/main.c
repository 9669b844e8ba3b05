// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Futex calls on words of fresh anonymous memory, a page each that is not there yet. FUTEX_WAKE without
 * FUTEX_PRIVATE_FLAG looks the page up: get_futex_key(), get_user_pages_fast(). FUTEX_LOCK_PI with it goes straight for
 * the word and has it faulted in then: fault_in_user_writeable(), fixup_user_fault().
 */
#include <linux/futex.h>
#include <sys/syscall.h>

#include "../common.h"

#define CALLS 2048	/* of each kind */

static long futex(uint32_t *word, int operation, uint32_t value)
{
	return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

int main(int argc, char **argv)
{
	uint32_t tid = gettid(), zero = 0;
	size_t size;

	km_start(argc, argv);
	page_size = sysconf(_SC_PAGESIZE);
	size = 2 * CALLS * page_size;
	if (futex(&zero, FUTEX_TRYLOCK_PI_PRIVATE, 0) && errno == ENOSYS)
		km_absent("this kernel has no futexes with priority inheritance");
	while (km_pass()) {
		unsigned char *p = anonymous(size), there[2 * CALLS];
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
		if (mincore(p, size, there))
			km_fail("mincore");
		for (size_t i = 0; i < 2 * CALLS; i++) {
			if (!(there[i] & 1))
				km_fail("page %zu is not there", i);
			if (i % 2 && futex((uint32_t *)(p + i * page_size), FUTEX_UNLOCK_PI_PRIVATE, 0))
				km_fail("FUTEX_UNLOCK_PI");
		}
		munmap(p, size);
	}
	return km_finish();
}
