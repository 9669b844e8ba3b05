// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measures a program that knows nothing of us, from its start to its end, once a pass:
 *
 *	process [--skip STATUS] [options of km_start()] -- PROGRAM [ARGUMENT]...
 *
 * Its faults are those of the process and of the children that it has waited for. What it prints goes to files; the
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

#define OUT "/tmp/program.out"
#define ERR "/tmp/program.err"
#define SHOWN (256 << 10)	/* bytes of each, the last ones */

extern char **environ;

static char why[256];

static pid_t start(char **command)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, OUT, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, ERR, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	errno = posix_spawn(&pid, command[0], &actions, NULL, command, environ);
	if (errno)
		km_fail("%s cannot be run", command[0]);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Why a test skipped itself: what follows its first "SKIP"; without one, the last row. */
static void find_reason(const char *text)
{
	static bool said;
	const char *row = strstr(text, "SKIP");

	if (said || !*text)
		return;
	said = row;
	if (row) {
		row += strlen("SKIP");
		row += strspn(row, " :");
	} else {
		for (row = text + strlen(text) - 1; row > text && row[-1] != '\n'; row--)
			;
	}
	snprintf(why, sizeof(why), "%.*s", (int)strcspn(row, "\n"), row);
}

/* To our own standard error, whole rows. */
static void show(const char *path)
{
	static char text[SHOWN + 2];
	int fd = open(path, O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t got;

	if (fd < 0 || size < 0)
		km_fail("%s", path);
	got = pread(fd, text, SHOWN, size > SHOWN ? size - SHOWN : 0);
	close(fd);
	if (got > 0 && text[got - 1] != '\n')
		text[got++] = '\n';
	text[got > 0 ? got : 0] = 0;
	fputs(text, stderr);
	find_reason(text);
}

/* By a signal: the same status as a shell's. */
static void end_unless_well(int status, long skip)
{
	int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);

	if (!code)
		return;
	show(OUT);
	show(ERR);
	if (code == skip)
		fprintf(stderr, "the test skipped itself: %s\n", *why ? why : "it does not say why");
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
	show(OUT);
	show(ERR);
	return km_finish();
}
