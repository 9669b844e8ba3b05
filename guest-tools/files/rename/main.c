// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Renames files of tmpfs, first to a new name, then over a file that goes away: shmem_rename2(), shmem_unlink(),
 * shmem_evict_inode(), slabs of dentries and inodes.
 */
#include <stdio.h>

#include "../common.h"

#define FILES 400	/* of each kind */
#define FOLDER TMPFS "kmatrix-rename"

enum { FROM, TO, OVER, KINDS };	/* OVER is there already */

static char (*names[KINDS])[sizeof(FOLDER) + 16];

static void make_names(void)
{
	for (int kind = 0; kind < KINDS; kind++) {
		names[kind] = buffer(FILES * sizeof(*names[kind]));
		for (int i = 0; i < FILES; i++)
			snprintf(names[kind][i], sizeof(names[kind][i]), FOLDER "/%d-%d", kind, i);
	}
}

/* The file's number. */
static ino_t make(const char *name)
{
	int fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		km_fail("%s", name);
	close(fd);
	return status.st_ino;
}

static void make_files(ino_t *inodes)
{
	if (mkdir(FOLDER, 0700))
		km_fail(FOLDER);
	for (int i = 0; i < FILES; i++) {
		inodes[i] = make(names[FROM][i]);
		make(names[OVER][i]);
	}
}

static int rename_all(void)
{
	int failed = 0;

	for (int i = 0; i < FILES; i++) {
		failed |= rename(names[FROM][i], names[TO][i]);
		failed |= rename(names[TO][i], names[OVER][i]);
	}
	return failed;
}

static void check_and_remove(const ino_t *inodes)
{
	struct stat status;

	for (int i = 0; i < FILES; i++) {
		if (stat(names[OVER][i], &status) || status.st_ino != inodes[i])
			km_fail("%s is not the file that was renamed", names[OVER][i]);
		if (!access(names[FROM][i], F_OK) || !access(names[TO][i], F_OK))
			km_fail("%s: an old name is there still", names[FROM][i]);
		if (unlink(names[OVER][i]))
			km_fail("%s", names[OVER][i]);
	}
	if (rmdir(FOLDER))
		km_fail(FOLDER);
	errno = 0;	/* of the names that are not there, as it should be */
}

int main(int argc, char **argv)
{
	ino_t inodes[FILES];

	km_start(argc, argv);
	make_names();
	while (km_pass()) {
		int failed;

		make_files(inodes);
		km_begin();
		failed = rename_all();
		km_end(2 * FILES);
		if (failed)
			km_fail("rename");
		check_and_remove(inodes);
	}
	return km_finish();
}
