// SPDX-License-Identifier: GPL-2.0-or-later
/* Two threads wake each other: futex_wait(), futex_wake(), and two changes of thread a turn. */
#include <pthread.h>

#include "../common.h"

#define TURNS 2048

static uint32_t *ball, *back;	/* number of turns: asked for, and done */
static unsigned long waits;	/* of the other thread */

static void wait_while(uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
		if (futex(word, FUTEX_WAIT_PRIVATE, value) && errno != EAGAIN && errno != EINTR)
			km_fail("FUTEX_WAIT");
}

static void set_and_wake(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	if (futex(word, FUTEX_WAKE_PRIVATE, 1) < 0)
		km_fail("FUTEX_WAKE");
}

static void *answer(void *nothing)
{
	for (uint32_t turn = 1; ; turn++) {
		wait_while(ball, turn - 1);
		waits++;
		set_and_wake(back, turn);
	}
	return nothing;
}

int main(int argc, char **argv)
{
	unsigned char *words;
	pthread_t thread;
	uint32_t turn = 0;

	km_start(argc, argv);
	words = km_anonymous(km_page_size());
	ball = (uint32_t *)words;
	back = (uint32_t *)(words + 128);
	*ball = *back = 0;
	km_batch();
	errno = pthread_create(&thread, NULL, answer, NULL);
	if (errno)
		km_fail("a thread");
	while (km_pass()) {
		unsigned long before = waits;

		km_begin();
		for (int i = 0; i < TURNS; i++) {
			turn++;
			set_and_wake(ball, turn);
			wait_while(back, turn - 1);
		}
		km_end(TURNS);
		if (*back != turn || waits - before != TURNS)
			km_fail("%lu turns were taken, not %d", waits - before, TURNS);
	}
	return km_finish();
}
