// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a test case with the interface of will-it-scale: testcase() counts its iterations and never returns.
 *
 *	[--iterations N] [options of km_start()]
 *
 * It is compiled with -fsanitize-coverage=trace-pc, so __sanitizer_cov_trace_pc() is called in each of its basic blocks.
 * There a pass begins and ends, at exact numbers of iterations, while testcase() itself runs on. That costs each basic
 * block the same few instructions, with any kernel. The first iteration is in no pass: what leads to it is not measured.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kmatrix.h"

#define TASKS 64

void testcase(unsigned long long *iterations, unsigned long nr);
void __attribute__((weak)) testcase_prepare(unsigned long tasks);
void __attribute__((weak)) testcase_cleanup(void);
void new_task(void *(*function)(void *), void *argument);
void __sanitizer_cov_trace_pc(void);

static unsigned long long nothing, *iterations = &nothing;
static unsigned long long begin, next = 1;
static unsigned long long wanted;
static bool inside;	/* a pass */
static pid_t ours;
static pid_t tasks[TASKS];
static int task_count;

static void end_tasks(void)
{
	while (task_count)
		kill(tasks[--task_count], SIGKILL);
}

/* For test cases that need a partner: a process, gone when we are. */
void new_task(void *(*function)(void *), void *argument)
{
	pid_t pid;

	if (task_count == TASKS)
		km_fail("more than %d tasks", TASKS);
	pid = fork();
	if (pid < 0)
		km_fail("fork");
	if (pid) {
		tasks[task_count++] = pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	function(argument);
	_exit(0);
}

static void finish(void)
{
	int code;

	next = -1ULL;
	end_tasks();
	if (testcase_cleanup)
		testcase_cleanup();
	code = km_finish();
	exit(code);
}

/* The test case has reached the next number of iterations. Other tasks and threads of it may come here, too. */
static void __attribute__((noinline)) turn(void)
{
	if (gettid() != ours)
		return;
	if (inside)
		km_end(*iterations - begin);
	if (!km_pass())
		finish();
	inside = true;
	begin = *iterations;
	next = begin + wanted;
	km_begin();
}

void __sanitizer_cov_trace_pc(void)
{
	if (__builtin_expect(*(volatile unsigned long long *)iterations >= next, 0))
		turn();
}

int main(int argc, char **argv)
{
	long count;

	ours = gettid();
	km_start(argc, argv);
	count = km_option("iterations", 32768);
	if (count <= 0)
		km_fail("--iterations %ld", count);
	wanted = count;
	if (testcase_prepare)
		testcase_prepare(1);
	iterations = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (iterations == MAP_FAILED)
		km_fail("mmap");
	testcase(iterations, 0);
	km_fail("testcase() returned after %llu iterations", *iterations);
}
