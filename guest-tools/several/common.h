/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations on memory while another thread of the process is on another CPU: asleep, or running. What is counted is what
 * one CPU asks of the other by an interrupt. The other one never spins without saying so to its CPU: where CPUs take turns
 * that would measure how long a turn is.
 */
#ifndef SEVERAL_COMMON_H
#define SEVERAL_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

#define CALLS 100

enum peer { ASLEEP, RUNNING };

/* All zero outside of a region. */
static uint32_t turn;	/* number of the peer's turn to run; between them it sleeps */
static uint32_t runs, stop;

/* Tells a CPU that it waits for another one. */
static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	asm volatile("yield" ::: "memory");
#elif defined(__powerpc64__)
	asm volatile("or 27,27,27" ::: "memory");
#else
#define NO_HINT
	abort();
#endif
}

static void move_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		km_fail("sched_setaffinity");
}

static void wait_for(const uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		relax();
}

static void *be_peer(void *unused)
{
	move_to(1);
	for (uint32_t mine = 1;; mine++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) < mine)
			syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, mine - 1, NULL, NULL, 0);
		__atomic_store_n(&runs, 1, __ATOMIC_RELEASE);
		wait_for(&stop, 1);
		__atomic_store_n(&runs, 0, __ATOMIC_RELEASE);
	}
	return unused;
}

static void start_peer(void)
{
	__atomic_store_n(&stop, 0, __ATOMIC_RELEASE);
	__atomic_add_fetch(&turn, 1, __ATOMIC_RELEASE);
	if (syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0)
		km_fail("FUTEX_WAKE");
	wait_for(&runs, 1);
}

static void stop_peer(void)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	wait_for(&runs, 0);
}

/*
 * Interrupts of all CPUs, by what their rows are called; of what a kernel has no row for it sends none, or does not tell
 * it apart: that is said by no value.
 */
struct row {
	const char *value, *description, *other;	/* one or the other */
};

static const struct row rows[] = {
	{ "shootdowns", "TLB shootdowns", NULL },
	{ "reschedules", "Rescheduling interrupts", NULL },
	{ "function_calls", "Function call interrupts", "External Call" },
};

#define ROWS (sizeof(rows) / sizeof(*rows))
#define TABLE 32768

static char before[TABLE], after[TABLE];	/* /proc/interrupts, read in a region and understood behind it */
static int table_fd = -1;

static void read_table(char *table)
{
	ssize_t size = 0, got;

	while ((got = pread(table_fd, table + size, TABLE - 1 - size, size)) > 0)
		size += got;
	if (got < 0 || !size || size == TABLE - 1)
		km_fail("/proc/interrupts");
	table[size] = 0;
}

/* Of all CPUs, in the rows that are called so; -1: there is none. */
static long long sum_of(const char *table, const struct row *row)
{
	long long sum = -1, one;
	int used;

	for (const char *line = table; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		size_t length = strcspn(line, "\n");
		const char *at = memchr(line, ':', length);

		if (!at || !(memmem(at, line + length - at, row->description, strlen(row->description)) ||
			     (row->other && memmem(at, line + length - at, row->other, strlen(row->other)))))
			continue;
		sum += sum < 0;
		for (at++; at < line + length && sscanf(at, "%lld%n", &one, &used) == 1; at += used)
			sum += one;
	}
	return sum;
}

static void tell_interrupts(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		long long was = sum_of(before, &rows[i]);

		if (was >= 0)
			km_value(rows[i].value, sum_of(after, &rows[i]) - was);
	}
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void set_up(int argc, char **argv, enum peer peer)
{
	pthread_t thread;

	km_start(argc, argv);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		km_absent("this guest has one CPU");
#ifdef NO_HINT
	if (peer == RUNNING)
		km_absent("here no program can tell its CPU that it waits for another one");
#else
	(void)peer;
#endif
	table_fd = open("/proc/interrupts", O_RDONLY);
	if (table_fd < 0)
		km_fail("/proc/interrupts");
	memset(before, 1, sizeof(before));
	memset(after, 1, sizeof(after));
	move_to(0);
	errno = pthread_create(&thread, NULL, be_peer, NULL);
	if (errno)
		km_fail("a thread");
}

/* A region: operation(i) for each of them, which returns what is not 0 if it failed. */
static void measure(enum peer peer, long (*operation)(size_t i))
{
	long long start, end;
	long failed = 0;

	km_begin();
	if (peer == RUNNING)
		start_peer();
	read_table(before);
	start = now();
	for (size_t i = 0; i < CALLS; i++)
		failed += operation(i) != 0;
	end = now();
	read_table(after);
	if (peer == RUNNING)
		stop_peer();
	km_value("loop_ns", end - start);
	tell_interrupts();
	km_end(CALLS);
	if (failed)
		km_fail("%ld of %d calls failed", failed, CALLS);
}

/* Pages that are there, written to. */
static inline unsigned char *pages_of(size_t count)
{
	unsigned char *p = km_anonymous(count * km_page_size());

	for (size_t i = 0; i < count; i++)
		p[i * km_page_size()] = i + 1;
	return p;
}

#endif
