// SPDX-License-Identifier: GPL-2.0-or-later
/* Two processes on one CPU send a byte to and fro through pipes: switch_mm(), pipe_write(), pipe_read(). */
#include <sched.h>
#include <sys/resource.h>

#include "../common.h"

#define ROUNDS 1500

static int there[2], back[2];

/* Where there are several CPUs, both processes are to be on the same. */
static void stay_on_one_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		km_fail("sched_setaffinity");
}

/* Ends when the other end of its pipe is closed. */
static void answer(void)
{
	unsigned char byte;

	close(there[1]);
	close(back[0]);
	while (read(there[0], &byte, 1) == 1) {
		byte++;
		if (write(back[1], &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static void start_other(void)
{
	pid_t child;

	if (pipe(there) || pipe(back))
		km_fail("pipe");
	child = fork();
	if (child < 0)
		km_fail("fork");
	if (!child)
		answer();
	close(there[0]);
	close(back[1]);
}

static bool round_trip(unsigned char byte)
{
	unsigned char got = byte;

	return write(there[1], &byte, 1) == 1 && read(back[0], &got, 1) == 1 && got == (unsigned char)(byte + 1);
}

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

int main(int argc, char **argv)
{
	stay_on_one_cpu();
	start_other();	/* before km_start(): afterwards no page is shared with it */
	km_start(argc, argv);
	while (km_pass()) {
		long right = 0, before, after;

		if (!round_trip(0))	/* the pipes' pages are there, and the other process's memory */
			km_fail("the other process does not answer");
		km_begin();
		before = switches();
		for (int i = 0; i < ROUNDS; i++)
			right += round_trip(i);
		after = switches();
		km_end(ROUNDS);
		if (right != ROUNDS)
			km_fail("%ld answers of %d are right", right, ROUNDS);
		if (after - before < ROUNDS)
			km_fail("only %ld switches to the other process", after - before);
	}
	return km_finish();
}
