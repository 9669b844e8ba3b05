// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Timers, all at once, set far ahead, and none again: a kmalloc() and a file each, hrtimer_start_range_ns(),
 * hrtimer_cancel().
 */
#define FILES 1536
#include <sys/timerfd.h>

#include "../common.h"

#define AHEAD 100000	/* seconds */

static const struct itimerspec far = { .it_value.tv_sec = AHEAD };

static void make_files(int *where, size_t count)
{
	int wrong = 0;

	for (size_t i = 0; i < count; i++) {
		where[i] = timerfd_create(CLOCK_MONOTONIC, 0);
		wrong |= timerfd_settime(where[i], 0, &far, NULL);
	}
	if (wrong)
		km_fail("a timer could not be set");
}

int main(int argc, char **argv)
{
	struct itimerspec left;

	km_start(argc, argv);
	allow_files();
	while (km_pass()) {
		unsigned long soon = 0;
		int wrong = 0;

		before_files();
		km_begin();
		make_files(fds, FILES);
		for (size_t i = 0; i < FILES; i++) {
			wrong |= timerfd_gettime(fds[i], &left);
			soon += left.it_value.tv_sec < AHEAD - 100;
		}
		close_files();
		km_end(FILES);
		if (wrong || soon)
			km_fail("a timer was not set");
		check_files();
	}
	return km_finish();
}
