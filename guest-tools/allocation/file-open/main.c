// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opens and closes a file that costs nothing itself: alloc_empty_file(), getname_flags(), kmem_cache_alloc() and
 * kmem_cache_free().
 */
#define FILES 1
#include "../common.h"

#define CALLS 4096
#define NAME "/dev/null"

static void make_files(int *where, size_t count)
{
	for (size_t i = 0; i < count; i++)
		where[i] = open(NAME, O_RDONLY);
}

int main(int argc, char **argv)
{
	struct stat told;
	int fd;

	km_start(argc, argv);
	allow_files();
	fd = open(NAME, O_RDONLY);
	if (fstat(fd, &told) || !S_ISCHR(told.st_mode))
		km_fail(NAME " is no device");
	close(fd);
	while (km_pass()) {
		unsigned long sum = 0;
		int wrong = 0;

		before_files();
		km_begin();
		for (int i = 0; i < CALLS; i++) {
			fd = open(NAME, O_RDONLY);
			sum += fd;
			wrong |= close(fd);
		}
		km_end(CALLS);
		if (wrong || fd < 0 || sum != CALLS * (unsigned long)fd)	/* the same number each time */
			km_fail(NAME " could not be opened and closed each time");
		make_files(fds, FILES);
		close_files();
		check_files();
	}
	return km_finish();
}
