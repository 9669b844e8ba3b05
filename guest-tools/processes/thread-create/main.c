// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads that end at once, one after the other, on a stack that libc keeps: clone(), madvise(MADV_DONTNEED) of the
 * stack, exit, the futex that is waited for; slabs and stacks of tasks.
 */
#include <pthread.h>

#include "../common.h"

#define THREADS 250
#define STACK (256 << 10)

static volatile int ran;

static void *thread_main(void *argument)
{
	ran++;
	return argument;
}

/* What it returns must be what it was given. */
static bool create_and_join(const pthread_attr_t *attributes, uintptr_t number)
{
	pthread_t thread;
	void *result = NULL;

	if (pthread_create(&thread, attributes, thread_main, (void *)number) || pthread_join(thread, &result))
		return false;
	return result == (void *)number;
}

int main(int argc, char **argv)
{
	pthread_attr_t attributes;

	km_start(argc, argv);
	if (pthread_attr_init(&attributes) || pthread_attr_setstacksize(&attributes, STACK))
		km_fail("attributes of a thread");
	while (km_pass()) {
		int wrong = 0;

		if (!create_and_join(&attributes, 1))	/* its stack is kept for the others */
			km_fail("a thread could not be started");
		ran = 0;
		km_begin();
		for (int i = 0; i < THREADS; i++)
			wrong += !create_and_join(&attributes, i + 1);
		km_end(THREADS);
		if (wrong || ran != THREADS)
			km_fail("%d of %d threads ran, %d failed", ran, THREADS, wrong);
	}
	return km_finish();
}
