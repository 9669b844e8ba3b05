// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The main() of all workloads of a library, which are one program:
 *
 *	library TTY		waits there for a line, "NAME ARGUMENT...", and runs that workload in a new process
 *
 * A workload is run by this program under the workload's name, so a workload may start itself as another process.
 *
 * The guest is saved while it waits, and each workload goes on from there. When it has ended, what it printed is
 * written to the terminal, because nobody is logged in:
 *
 *	kmatrix: result STATUS BYTES-OF-OUTPUT BYTES-OF-ERRORS
 *	OUTPUT ERRORS
 *	kmatrix: ended
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmatrix.h"

#define WORDS 64
#define LINE 2048
#define MOST (1 << 20)	/* of what is repeated of a workload's output */
#define SELF "/proc/self/exe"

/* KM_WORKLOAD("name", its main()): written by who compiles it. */
#define KM_WORKLOAD(name, function) int function(int argc, char **argv);
#include "workloads.inc"
#undef KM_WORKLOAD

#define KM_WORKLOAD(name, function) { name, function },
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} workloads[] = {
#include "workloads.inc"
};

static void run(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];

	for (size_t i = 0; i < sizeof(workloads) / sizeof(*workloads); i++)
		if (!strcmp(workloads[i].name, name))
			exit(workloads[i].run(argc, argv));
}

static int temporary(const char *name)
{
	int fd = memfd_create(name, 0);

	if (fd < 0)
		km_fail("memfd_create");
	return fd;
}

static void start(char **words, int out, int err)
{
	char job[32], period[32], timer[32];
	int count = 0;

	while (words[count])
		count++;
	snprintf(job, sizeof(job), "%lld", km_quiet.job);
	snprintf(period, sizeof(period), "%lld", km_quiet.period);
	snprintf(timer, sizeof(timer), "%lld", km_quiet.timer);
	words[count++] = "--timer";
	words[count++] = timer;
	words[count++] = "--job";
	words[count++] = job;
	words[count++] = "--period";
	words[count++] = period;
	words[count] = NULL;
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(127);
	execv(SELF, words);
	_exit(127);
}

static void repeat(int from, long size, FILE *to)
{
	char *text = mmap(NULL, size, PROT_READ, MAP_SHARED, from, 0);

	if (text != MAP_FAILED)
		fwrite(text, 1, size, to);
}

static long size_of(int fd)
{
	long size = lseek(fd, 0, SEEK_END);

	return size > MOST ? MOST : size;
}

/* As a shell has it: that of a signal is 128 and more. */
static int status_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			km_fail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int wait_for_word(const char *tty)
{
	static char line[LINE];
	char *words[WORDS + 7];
	int fd = open(tty, O_RDWR | O_NOCTTY), out = temporary("out"), err = temporary("err"), count = 0, status;
	FILE *to = fd < 0 ? NULL : fdopen(fd, "r+");
	pid_t child;

	if (!to)
		km_fail("%s", tty);
	mlockall(MCL_CURRENT);
	km_find_quiet();
	km_find_timer();
	fputs("kmatrix: gate\n", to);
	fflush(to);
	if (!fgets(line, sizeof(line), to))
		km_fail("%s: no word from the gate", tty);
	for (char *word = strtok(line, " \n"); word && count < WORDS; word = strtok(NULL, " \n"))
		words[count++] = word;
	words[count] = NULL;
	child = count ? fork() : -1;
	if (!child)
		start(words, out, err);
	status = child < 0 ? 127 : status_of(child);
	fseek(to, 0, SEEK_CUR);
	fprintf(to, "\nkmatrix: result %d %ld %ld\n", status, size_of(out), size_of(err));
	repeat(out, size_of(out), to);
	repeat(err, size_of(err), to);
	fputs("\nkmatrix: ended\n", to);
	return fflush(to) ? 1 : 0;
}

int main(int argc, char **argv)
{
	run(argc, argv);	/* comes back where the program has no workload's name */
	return argc == 2 ? wait_for_word(argv[1]) : 127;
}
