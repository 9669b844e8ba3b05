// SPDX-License-Identifier: GPL-2.0-or-later
/* A process sends itself a signal that it has a handler for: kill(), a slab of signals, the frame on the stack. */
#include <signal.h>

#include "../common.h"

#define SIGNALS 3000

static volatile sig_atomic_t handled;

static void handle(int number)
{
	handled += number == SIGUSR1;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handle };
	pid_t self = getpid();

	km_start(argc, argv);
	if (sigaction(SIGUSR1, &action, NULL))
		km_fail("sigaction");
	while (km_pass()) {
		int late = 0;

		handled = 0;
		km_begin();
		for (int i = 0; i < SIGNALS; i++) {
			kill(self, SIGUSR1);
			late += handled != i + 1;	/* comes before kill() returns */
		}
		km_end(SIGNALS);
		if (handled != SIGNALS || late)
			km_fail("%d of %d signals were handled, %d late", (int)handled, SIGNALS, late);
	}
	return km_finish();
}
