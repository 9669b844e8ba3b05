/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the workloads of processes share. */
#ifndef PROCESSES_COMMON_H
#define PROCESSES_COMMON_H

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

/* The child's exit status; -1 if it did not exit by itself. */
static inline int status_of(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#endif
