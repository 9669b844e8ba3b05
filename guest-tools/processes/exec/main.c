// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A child executes this program, which exits at once: bprm_mm_init(), copy_strings(), setup_arg_pages() and
 * shift_arg_pages(), elf_map(), faults of private file pages, exit_mmap().
 */
#include <fcntl.h>
#include <string.h>

#include "../common.h"

#define EXECS 60
#define HELD 48	/* other processes */
#define STATUS 42	/* what the program exits with if it was really started */

/*
 * Processes that sleep: no slab has room left from before, so a region begins with new ones. They end when the pipe
 * that is returned is closed.
 */
static int hold_processes(void)
{
	int alive[2];
	char byte;

	if (pipe2(alive, O_CLOEXEC))
		km_fail("pipe");
	for (int i = 0; i < HELD; i++) {
		pid_t child = fork();

		if (child < 0)
			km_fail("fork");
		if (!child) {
			close(alive[1]);
			_exit(read(alive[0], &byte, 1) != 0);
		}
	}
	close(alive[0]);
	return alive[1];
}

static void let_go(int alive)
{
	int status;

	close(alive);
	for (int i = 0; i < HELD; i++)
		if (wait(&status) < 0 || status)
			km_fail("a process that was to sleep has failed");
}

static int exec_and_wait(void)
{
	static char *const arguments[] = { "exec", "--child", NULL }, *const environment[] = { NULL };
	pid_t child = vfork();

	if (child < 0)
		km_fail("vfork");
	if (!child) {
		execve("/proc/self/exe", arguments, environment);
		_exit(1);
	}
	return status_of(child);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--child"))
		_exit(STATUS);
	km_start(argc, argv);
	if (exec_and_wait() != STATUS)	/* the program's pages are in the cache from here on */
		km_fail("/proc/self/exe could not be started");
	while (km_pass()) {
		int wrong = 0, alive = hold_processes();

		km_begin();
		for (int i = 0; i < EXECS; i++)
			wrong += exec_and_wait() != STATUS;
		km_end(EXECS);
		if (wrong)
			km_fail("%d of %d programs did not run", wrong, EXECS);
		let_go(alive);
	}
	return km_finish();
}
