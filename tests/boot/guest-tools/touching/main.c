// SPDX-License-Identifier: GPL-2.0-or-later
/* Known numbers of loads, stores and lines of memory, in functions of their own; units of work in one loop. */
#include "kmatrix.h"

#define UNITS 50
#define LINE (64 / sizeof(long))

static volatile long first[400 * LINE] __attribute__((aligned(64)));
static volatile long second[600 * LINE] __attribute__((aligned(64)));
static volatile long third[LINE] __attribute__((aligned(64)));

/* Four times over lines that 512 have room for. */
static __attribute__((noinline)) long few(void)
{
	long sum = 0;

	for (int round = 0; round < 4; round++)
		for (int i = 0; i < 400; i++)
			sum += first[i * LINE];
	return sum;
}

/* Twice over more. */
static __attribute__((noinline)) long many(void)
{
	long sum = 0;

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 600; i++)
			sum += second[i * LINE];
	return sum;
}

static __attribute__((noinline)) void one(long value)
{
	for (int i = 0; i < 1000; i++)
		third[i % LINE] = value;
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < UNITS; i++)
			one(few() + many());
		km_end(UNITS);
	}
	return km_finish();
}
