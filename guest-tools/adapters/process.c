// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measures a program that knows nothing of us, from its start to its end, once a pass:
 *
 *	process [--skip STATUS] [options of km_start()] -- PROGRAM [ARGUMENT]...
 *
 * Its faults are those of the process and of the children that it has waited for. What it prints goes to a file; the
 * last pass's goes to standard error at the end. A program that ends with an error ends all, with its status.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmatrix.h"

#define OUTPUT "/tmp/program.out"
#define SHOWN (256 << 10)	/* bytes of the output, the last ones */

extern char **environ;

static char text[SHOWN + 1];

/* With standard error in it, too: in the order in which the program wrote. */
static pid_t start(char **command)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, OUTPUT, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	errno = posix_spawn(&pid, command[0], &actions, NULL, command, environ);
	if (errno)
		km_fail("%s cannot be run", command[0]);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static void read_output(void)
{
	int fd = open(OUTPUT, O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t got;

	if (fd < 0 || size < 0)
		km_fail(OUTPUT);
	got = pread(fd, text, SHOWN, size > SHOWN ? size - SHOWN : 0);
	text[got > 0 ? got : 0] = 0;
	close(fd);
}

/* The row of a test that says why it was skipped, or else the last one; no memory is given back. */
static const char *reason(void)
{
	const char *why = "it does not say why";

	for (char *row = strtok(text, "\n"); row; row = strtok(NULL, "\n")) {
		why = row;
		if (strstr(row, "SKIP"))
			break;
	}
	return why;
}

/* By a signal: the same status as a shell's. */
static void end_unless_well(int status, long skip)
{
	int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);

	if (!code)
		return;
	read_output();
	fputs(text, stderr);
	if (code == skip)
		fprintf(stderr, "\nthe test was skipped: %s\n", reason());
	exit(code);
}

int main(int argc, char **argv)
{
	int ours = 1;
	long skip;

	while (ours < argc && strcmp(argv[ours], "--"))
		ours++;
	km_start(ours, argv);
	if (ours + 1 >= argc)
		km_fail("no program is named");
	skip = km_option("skip", -1);
	if (chdir("/tmp"))
		km_fail("/tmp");
	while (km_pass()) {
		struct rusage usage;
		int status;
		pid_t pid;

		km_begin();
		pid = start(argv + ours + 1);
		while (wait4(pid, &status, 0, &usage) < 0)
			if (errno != EINTR)
				km_fail("wait4");
		km_value("minflt", usage.ru_minflt);
		km_value("majflt", usage.ru_majflt);
		km_end(1);
		end_unless_well(status, skip);
		errno = 0;
	}
	read_output();
	fputs(text, stderr);
	return km_finish();
}
