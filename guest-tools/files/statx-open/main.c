// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opens and closes files of tmpfs: slabs of struct file and of names (kmem_cache_alloc(), kmem_cache_free(), freeing by
 * RCU), shmem_getattr().
 */
#include <stdio.h>

#include "../common.h"

#define FILES 64
#define ROUNDS 24
#define HELD 900	/* open files, so that no slab has room left from before: the region begins with new ones */
#define FOLDER TMPFS "kmatrix-statx"

static char names[FILES][sizeof(FOLDER) + 8];

/* Their sizes are their numbers. */
static void make_files(void)
{
	if (mkdir(FOLDER, 0700))
		km_fail(FOLDER);
	for (int i = 0; i < FILES; i++) {
		int fd;

		snprintf(names[i], sizeof(names[i]), FOLDER "/%d", i);
		fd = open(names[i], O_CREAT | O_EXCL | O_RDWR, 0600);
		if (fd < 0 || ftruncate(fd, i + 1) || close(fd))
			km_fail("%s", names[i]);
	}
}

static void remove_files(void)
{
	for (int i = 0; i < FILES; i++)
		if (unlink(names[i]))
			km_fail("%s", names[i]);
	if (rmdir(FOLDER))
		km_fail(FOLDER);
}

static void hold(int *held)
{
	for (int i = 0; i < HELD; i++) {
		held[i] = open(names[i % FILES], O_RDONLY);
		if (held[i] < 0)
			km_fail("%d open files are too many", i);
	}
}

static void let_go(const int *held)
{
	for (int i = 0; i < HELD; i++)
		close(held[i]);
}

static size_t size_of(const char *name)
{
	int fd = open(name, O_RDONLY);
	struct statx status;

	status.stx_size = 0;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) || close(fd))
		return 0;
	return status.stx_size;
}

int main(int argc, char **argv)
{
	int held[HELD];

	km_start(argc, argv);
	while (km_pass()) {
		size_t sum = 0;

		make_files();
		hold(held);
		km_begin();
		for (int round = 0; round < ROUNDS; round++)
			for (int i = 0; i < FILES; i++)
				sum += size_of(names[i]);
		km_end(ROUNDS * FILES);
		if (sum != ROUNDS * FILES * (FILES + 1) / 2)
			km_fail("the sizes add up to %zu", sum);
		let_go(held);
		remove_files();
	}
	return km_finish();
}
