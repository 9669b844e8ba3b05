// SPDX-License-Identifier: GPL-2.0-or-later
#include "kmatrix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define MS 1000000LL
/*
 * A region starts at the same phase of what the kernel does every two seconds, some time after it: cgroups' counts are
 * added up then, and how long tasks waited. Where nothing is seen of that, at a phase of the clock.
 */
#define PHASE (2016 * MS)
#define STEP (32 * MS)	/* of looking for it */
#define ROUND ((PHASE + 64 * MS) / STEP)
#define STEPS (3 * ROUND)	/* the first round wakes up what had nothing to do, and only then is when it always was */
#define AFTER (400 * MS)
#define OFTEN (100 * MS)	/* and a tick: TCP counts its orphans so often, in a timer that is set anew each time */
#define ASIDE (12 * MS)	/* a region begins so long after it, and so has none of it in its first 92 ms */
#define SETTLE (10 * SECOND)	/* at least this long asleep before: what came before has ended */
#define WOKEN SECOND	/* so long after a library's gate: what its word woke up has ended */
#define GAP (500 * MS)	/* settling begins so long before a region; what waited for the end of the sleep comes in it */
#define SPIN (10 * MS)	/* woken this long before the phase, or some ticks later; then watches the clock */
#define VALUES 8	/* of km_value(), a pass */
#define NOTES 16	/* of km_note(), different ones */

struct value {
	const char *name;
	long long value;
};

struct snapshot {
	int64_t time;
	struct rusage usage;
	char vmstat[16384];
};

/* Static, and touched in km_start(): taking a snapshot faults no page in. */
static struct snapshot before, after;
static char stat_text[1 << 16];	/* interrupts that never came are all in it */
static char lines[1 << 20];	/* all that is printed, until the end */
static int vmstat_fd = -1, refresh_fd = -1, stat_fd = -1;
static int argument_count;
static char **arguments;
static long pass, warmup, passes;
static bool phase;	/* the instruction clock: start at a phase of it. The host's clock repeats nothing, so do not wait */
static bool told_quiet;	/* somebody has looked already: then warming up needs no phase, either */
struct km_quiet km_quiet;
static struct value values[VALUES];
static int value_count;
static char notes[NOTES][192];

void km_fail(const char *what, ...)
{
	va_list list;

	va_start(list, what);
	vfprintf(stderr, what, list);
	va_end(list);
	if (errno)
		fprintf(stderr, ": %s", strerror(errno));
	fputc('\n', stderr);
	exit(1);
}

void km_note(const char *what, ...)
{
	char text[sizeof(notes[0])];
	va_list list;
	int i = 0;

	va_start(list, what);
	vsnprintf(text, sizeof(text), what, list);
	va_end(list);
	for (char *c = text; *c; c++)
		if (*c == '"' || *c == '\\' || *c < ' ')
			*c = '\'';	/* what would need to be escaped */
	while (i < NOTES && *notes[i] && strcmp(notes[i], text))
		i++;
	if (i == NOTES)
		km_fail("more than %d notes; the last: %s", NOTES, text);
	strcpy(notes[i], text);
	errno = 0;
}

static const char *option_text(const char *name)
{
	for (int i = 1; i + 1 < argument_count; i++)
		if (!strncmp(arguments[i], "--", 2) && !strcmp(arguments[i] + 2, name))
			return arguments[i + 1];
	return NULL;
}

long km_option(const char *name, long fallback)
{
	const char *text = option_text(name);

	return text ? strtol(text, NULL, 0) : fallback;
}

/*
 * With --gate TTY: after the --warmup passes, and with what the next one sets up done, say so there and wait for a line
 * with the number of passes to count. Whoever started us over the network is gone by then: no packet arrives in a
 * region, and nothing is printed before the end. Here a snapshot of the whole guest can be taken.
 */
static void wait_at_gate(void)
{
	static const char word[] = "kmatrix: gate\n";
	const char *gate = option_text("gate");
	char answer[16] = "";
	int fd;

	if (!gate || pass != warmup)
		return;
	fd = open(gate, O_RDWR | O_NOCTTY);
	if (fd < 0 || write(fd, word, sizeof(word) - 1) < 0 || read(fd, answer, sizeof(answer) - 1) <= 0)
		km_fail("%s: no word from the gate", gate);
	close(fd);
	passes = warmup + strtol(answer, NULL, 10);
}

void km_wipe(void *memory, size_t size, size_t step)
{
	if (!option_text("gate") || pass > warmup)
		return;
	if (step == 1)
		memset(memory, 0, size);
	else
		for (size_t i = 0; i < size; i += step)
			((char *)memory)[i] = 0;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* An error means that a total was negative: it is added up all the same. */
void km_refresh(void)
{
	char nothing;

	if (refresh_fd >= 0 && pread(refresh_fd, &nothing, 1, 0) < 0)
		km_note("/proc/sys/vm/stat_refresh says that a count of /proc/vmstat is wrong: %s", strerror(errno));
}

void km_vmstat(char *text, size_t size)
{
	ssize_t got = 0;

	km_refresh();
	if (vmstat_fd >= 0) {
		got = pread(vmstat_fd, text, size - 1, 0);
		if (got <= 0 || (size_t)got == size - 1)
			km_fail("/proc/vmstat: cannot be read whole");
	}
	text[got] = 0;
}

static int open_or_note(const char *path, const char *without)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		km_note("%s: %s: %s", path, strerror(errno), without);
	return fd;
}

void km_start(int argc, char **argv)
{
	argument_count = argc;
	arguments = argv;
	warmup = km_option("warmup", 0);
	passes = warmup + km_option("passes", 1);
	phase = km_option("phase", 1);
	told_quiet = option_text("period");
	vmstat_fd = open_or_note("/proc/vmstat", "its counts are not there");
	stat_fd = open_or_note("/proc/stat", "what the kernel does every two seconds may come in a pass");
	refresh_fd = open_or_note("/proc/sys/vm/stat_refresh", "counts of /proc/vmstat may be late");
	memset(&before, 1, sizeof(before));
	memset(&after, 1, sizeof(after));
	memset(lines, 1, sizeof(lines));
	memset(stat_text, 1, sizeof(stat_text));
	setvbuf(stdout, lines, _IOFBF, sizeof(lines));
	if (mlockall(MCL_CURRENT))
		km_fail("mlockall");
	km_vmstat(after.vmstat, sizeof(after.vmstat));
	errno = 0;
}

/* By the host's clock a region must follow right upon what was set up for it: then the gate comes before that. */
bool km_pass(void)
{
	if (!phase)
		wait_at_gate();
	return pass < passes;
}

/* The first phase of the guest's clock that is at least this far away. */
static int64_t phase_after(int64_t least)
{
	return (now() + least - AFTER + PHASE) / PHASE * PHASE + AFTER;
}

/* Costs nothing under the instruction clock: idle time is skipped. */
static void sleep_until(int64_t time)
{
	struct timespec until = { time / SECOND, time % SECOND };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* What /proc/stat counts since boot, in the line that begins so; 0 if that is not known. */
static long long counted(const char *begins, int column)
{
	ssize_t got = stat_fd < 0 ? 0 : pread(stat_fd, stat_text, sizeof(stat_text) - 1, 0);
	char *at;

	stat_text[got > 0 ? got : 0] = 0;
	at = strstr(stat_text, begins);
	at = at ? at + strlen(begins) : NULL;
	while (at && column--)
		at = strchr(at + 1, ' ');
	return at ? atoll(at) : 0;
}

/* Of all tasks. */
static long long context_switches(void)
{
	return counted("\nctxt ", 0);
}

/* Of all CPUs: how often any timer of the kernel's was due. */
static long long timers(void)
{
	return counted("\nsoftirq ", 2);
}

static int64_t tick_length(void)
{
	struct timespec tick;

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return tick.tv_sec * SECOND + tick.tv_nsec;
}

/*
 * The tick of every 100 ms and a tick in which a timer was due each time; others are due in many. Without ticks in idle
 * time there is none to be found: it comes when there is a tick.
 */
void km_find_timer(void)
{
	enum { PERIODS = 8, MOST = 128 };
	int due[MOST] = { 0 }, ticks, best = 0;
	int64_t step = tick_length(), last[MOST] = { 0 };
	long long before_it;

	ticks = OFTEN / step + 1;
	if (ticks < 2 || ticks > MOST)
		return;
	before_it = timers();
	for (int i = 0; i < PERIODS * ticks; i++) {
		sleep_until((now() / step + 1) * step);
		due[i % ticks] += timers() > before_it;
		before_it = timers();
		last[i % ticks] = now();
	}
	for (int i = 1; i < ticks; i++)
		if (due[i] > due[best])
			best = i;
	if (due[best] >= PERIODS - 1)
		km_quiet.timer = last[best];
}

/*
 * What comes every two seconds is done by kernel threads: in a step of sleep in which one ran there are more context
 * switches than in others. Of such steps that come again after two seconds, the one before the longest rest is taken.
 */
void km_find_quiet(void)
{
	static int64_t seen[STEPS];	/* ends of the steps */
	static long long extra[STEPS];
	long long before_it, fewest = 0;
	int64_t longest = 0;

	if (stat_fd < 0)
		stat_fd = open("/proc/stat", O_RDONLY);
	before_it = context_switches();
	km_quiet = (struct km_quiet){ 0, PHASE, 0 };
	for (int i = 0; i < STEPS; i++) {
		sleep_until(now() + STEP);
		seen[i] = now();
		extra[i] = context_switches() - before_it;
		before_it += extra[i];
		if (!i || extra[i] < fewest)
			fewest = extra[i];
	}
	for (int i = STEPS - ROUND; i < STEPS; i++) {
		int64_t rest = PHASE;
		int again = i - 1;

		while (again >= 0 && (extra[again] == fewest || seen[i] - seen[again] < PHASE - 2 * STEP))
			again--;
		if (extra[i] == fewest || again < 0 || seen[i] - seen[again] > PHASE + 4 * STEP)
			continue;
		for (int next = again + 1; next < i; next++)
			if (extra[next] != fewest && seen[next] - seen[again] < rest)
				rest = seen[next] - seen[again];
		if (rest > longest) {
			longest = rest;
			km_quiet = (struct km_quiet){ seen[i], seen[i] - seen[again], 0 };
		}
	}
}

/*
 * The first time, at least so far away, that is AFTER behind what comes every two seconds, and in a library ASIDE behind
 * what comes every 100 ms.
 */
static int64_t quiet_after(int64_t least)
{
	int64_t start, often = OFTEN + tick_length();

	if (!km_quiet.job)
		return phase_after(least);
	start = now() + least - AFTER - km_quiet.job + km_quiet.period;
	start = km_quiet.job + start / km_quiet.period * km_quiet.period + AFTER;
	if (told_quiet && km_quiet.timer)
		start = km_quiet.timer + (start - km_quiet.timer + often - 1) / often * often + ASIDE;
	return start;
}

/*
 * When ticks come within a second is settled at boot. Right after one, a region of the same length has the same number
 * of them. The coarse clock is the time of the last tick.
 */
static void wait_for_tick(void)
{
	struct timespec first, next;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &first);
	do
		clock_gettime(CLOCK_MONOTONIC_COARSE, &next);
	while (next.tv_nsec == first.tv_nsec);
}

/*
 * The watchdog for lockups looks every 4 s, and takes the CPU for that. Switched off and on it begins to count anew, so
 * it comes after the region, or at the same time of it in every boot. Kernels without one have no such file.
 */
static void restart_watchdog(void)
{
	static const char *const values[] = { "0", "1" };
	char was = '0';
	int fd = open("/proc/sys/kernel/watchdog", O_RDWR);

	if (fd >= 0 && pread(fd, &was, 1, 0) == 1 && was == '1')
		for (size_t i = 0; i < 2; i++)
			if (pwrite(fd, values[i], 1, 0) != 1)
				km_note("/proc/sys/kernel/watchdog could not be set: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	errno = 0;
}

__attribute__((noinline)) void km_begin(void)
{
	bool settled = phase && !(told_quiet && pass < warmup);
	int64_t start = 0;

	value_count = 0;
	if (settled) {
		if (told_quiet) {
			km_quiet = (struct km_quiet){ km_option("job", 0), km_option("period", PHASE), km_option("timer", 0) };
		} else {	/* before the gate it is done once for all that go on from there */
			km_settle_allocator();	/* most of it */
			sleep_until(now() + SETTLE);
		}
		wait_at_gate();
		if (told_quiet)
			sleep_until(now() + WOKEN);
		else
			km_find_quiet();	/* what had nothing to do comes two seconds after the word that woke it up */
		start = quiet_after(GAP);
		sleep_until(start - GAP);
		restart_watchdog();
		km_settle_allocator();
	}
	km_vmstat(before.vmstat, sizeof(before.vmstat));
	getrusage(RUSAGE_SELF, &before.usage);
	if (settled) {
		if (now() > start - SPIN)	/* that took long */
			start = phase_after(GAP);
		sleep_until(start - SPIN);	/* what was freed by it waits for RCU: some ticks */
	}
	do
		before.time = now();
	while (before.time < start);
	if (settled) {
		wait_for_tick();
		before.time = now();
	}
}

void km_value(const char *name, long long value)
{
	if (value_count == VALUES)
		km_fail("more than %d values in a pass", VALUES);
	values[value_count++] = (struct value){ name, value };
}

static void print_values(void)
{
	printf(",\"values\":{");
	for (int i = 0; i < value_count; i++)
		printf("%s\"%s\":%lld", i ? "," : "", values[i].name, values[i].value);
	printf("}");
}

/* Both snapshots list the same names in the same order: one file of one kernel. */
static void print_vmstat(void)
{
	char *a = before.vmstat, *b = after.vmstat;
	const char *separator = "";
	char name[64], other[64];
	long long x, y;
	int used_a, used_b;

	printf(",\"vmstat\":{");
	while (sscanf(a, "%63s %lld\n%n", name, &x, &used_a) == 2) {
		if (sscanf(b, "%63s %lld\n%n", other, &y, &used_b) != 2 || strcmp(name, other))
			km_fail("/proc/vmstat changed its shape at %s", name);
		printf("%s\"%s\":[%lld,%lld]", separator, name, x, y);
		separator = ",";
		a += used_a;
		b += used_b;
	}
	printf("}");
}

__attribute__((noinline)) void km_end(unsigned long units)
{
	after.time = now();
	getrusage(RUSAGE_SELF, &after.usage);
	km_vmstat(after.vmstat, sizeof(after.vmstat));
	printf("{\"kmatrix\":1,\"pass\":%ld,\"units\":%lu,\"time_ns\":%lld,\"minflt\":%ld,\"majflt\":%ld", pass, units,
	       (long long)(after.time - before.time), after.usage.ru_minflt - before.usage.ru_minflt,
	       after.usage.ru_majflt - before.usage.ru_majflt);
	if (value_count)
		print_values();
	print_vmstat();
	printf("}\n");
	km_release_pages();
	pass++;
}

static void print_notes(void)
{
	if (!*notes[0])
		return;
	printf(",\"notes\":[");
	for (int i = 0; i < NOTES && *notes[i]; i++)
		printf("%s\"%s\"", i ? "," : "", notes[i]);
	printf("]");
}

int km_finish(void)
{
	printf("{\"kmatrix\":1,\"done\":%ld", pass);
	print_notes();
	printf("}\n");
	return fflush(stdout) ? 1 : 0;
}
