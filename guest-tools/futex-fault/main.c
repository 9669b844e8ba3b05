// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Futex calls on words of fresh shared memory, a page each that is not there yet (claim C5).
 *
 * A shared futex looks its page up with get_user_pages_fast(), which faults it in through faultin_page(). A private
 * one goes straight for the word, fails with page faults disabled, and has it faulted in by fixup_user_fault(), with
 * unlocked == NULL: without leave to drop mmap_lock the fault must not come back completed and unlocked.
 *
 * FUTEX_WAKE_OP locks two hash buckets, in the order of their addresses; a private futex's bucket depends on where the
 * kernel has put its mm_struct. With one word that is waited for the branches taken would be the same in all calls
 * of a boot, and others in the next: up to 130 ppm. So each call has its own, and it is one half in every boot.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmatrix.h"

#define CALLS (4096 / KM_LESS)	/* of each kind: enough that boots are a few ppm apart */
#define SET 0x5ed	/* a futex operation has 12 bits for it */

enum kind { LOCK_SHARED, LOCK_PRIVATE, WAKE_SHARED, WAKE_PRIVATE, KINDS };

static long futex(uint32_t *word, int operation, uint32_t value, long value2, uint32_t *word2, uint32_t value3)
{
	return syscall(SYS_futex, word, operation, value, value2, word2, value3);
}

/* Takes the lock; the word must then hold our thread's number. Gives it back. */
static void lock_and_unlock(uint32_t *word, int flag, uint32_t tid)
{
	if (futex(word, FUTEX_LOCK_PI | flag, 0, 0, NULL, 0))
		km_fail("FUTEX_LOCK_PI");
	if (*word != tid)
		km_fail("FUTEX_LOCK_PI: the word is %x, the thread %x", *word, tid);
	if (futex(word, FUTEX_UNLOCK_PI | flag, 0, 0, NULL, 0) || *word)
		km_fail("FUTEX_UNLOCK_PI");
}

/* Nobody waits; the operation on the second word is what counts. */
static void set_and_wake(uint32_t *waited, uint32_t *word, int flag)
{
	long woken = futex(waited, FUTEX_WAKE_OP | flag, 1, 1, word, FUTEX_OP(FUTEX_OP_SET, SET, FUTEX_OP_CMP_EQ, 0));

	if (woken || *word != (SET))
		km_fail("FUTEX_WAKE_OP: %ld woken, the word is %x", woken, *word);
}

static void call_all(char *fresh, size_t page_size, uint32_t *waited, uint32_t tid)
{
	for (size_t i = 0; i < CALLS * KINDS; i++) {
		uint32_t *word = (uint32_t *)(fresh + i * page_size), *own = waited + i / KINDS;

		switch ((enum kind)(i % KINDS)) {
		case LOCK_SHARED:
			lock_and_unlock(word, 0, tid);
			break;
		case LOCK_PRIVATE:
			lock_and_unlock(word, FUTEX_PRIVATE_FLAG, tid);
			break;
		case WAKE_SHARED:
			set_and_wake(own, word, 0);
			break;
		default:
			set_and_wake(own, word, FUTEX_PRIVATE_FLAG);
		}
	}
}

int main(int argc, char **argv)
{
	size_t page_size = sysconf(_SC_PAGESIZE);
	size_t size = page_size * CALLS * KINDS;
	uint32_t tid = gettid(), *waited;

	km_start(argc, argv);
	waited = km_shmem(CALLS * sizeof(*waited));
	memset(waited, 0, CALLS * sizeof(*waited));	/* the pages are there */
	while (km_pass()) {
		char *fresh = km_shmem(size);

		km_begin();
		call_all(fresh, page_size, waited, tid);
		km_end(CALLS * KINDS);
		munmap(fresh, size);
	}
	return km_finish();
}
