// SPDX-License-Identifier: GPL-2.0-or-later
/* Faults of several kinds, and then what gcov's kernel has counted: NAME and its bytes in hex, a line each, on stderr. */
#define _GNU_SOURCE
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES (1 << 22)
#define DEBUG "/gcov-debug"

static void fault(int flags, int advice)
{
	volatile char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(1);
	if (advice && madvise((char *)memory, BYTES, advice))
		exit(1);
	for (int at = 0; at < BYTES; at += 4096)
		memory[at]++;
	if (!fork()) {
		for (int at = 0; at < BYTES; at += 4096)
			memory[at]++;
		_exit(0);
	}
}

static int show(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	FILE *file;
	int byte;

	(void)status;
	(void)where;
	if (kind != FTW_F || (!strstr(path, "/memory.gcda") && !strstr(path, "/gup.gcda")))
		return 0;
	file = fopen(path, "r");
	if (!file)
		exit(1);
	fprintf(stderr, "%s ", strrchr(path, '/') + 1);
	while ((byte = fgetc(file)) != EOF)
		fprintf(stderr, "%02x", byte);
	fprintf(stderr, "\n");
	return fclose(file);
}

int main(void)
{
	fault(MAP_SHARED, 0);
	fault(MAP_PRIVATE, 0);
	fault(MAP_SHARED, MADV_POPULATE_WRITE);
	mkdir(DEBUG, 0700);
	if (mount("debugfs", DEBUG, "debugfs", 0, NULL))
		return 1;
	nftw(DEBUG "/gcov", show, 16, FTW_PHYS);
	return umount(DEBUG);
}
