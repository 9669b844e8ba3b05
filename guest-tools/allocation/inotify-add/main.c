// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files are watched and no longer: inotify_new_watch(), fsnotify_add_mark_locked(), idr_alloc_cyclic(), slab
 * objects each.
 */
#define NAMES 1024
#include <sys/inotify.h>

#include "../common.h"

#define FOLDER "/tmp/inotify-add"

static char names[NAMES][32];
static int watches[NAMES];

static void make_files(void)
{
	if (mkdir(FOLDER, 0700) && errno != EEXIST)
		km_fail(FOLDER);
	for (size_t i = 0; i < NAMES; i++) {
		int fd;

		snprintf(names[i], sizeof(names[i]), FOLDER "/%zu", i);
		fd = open(names[i], O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			km_fail("%s", names[i]);
		close(fd);
	}
	errno = 0;
}

static void remove_files(void)
{
	for (size_t i = 0; i < NAMES; i++)
		unlink(names[i]);
	rmdir(FOLDER);
}

/* Of each watch that has gone there is one word. */
static void check_words(int fd)
{
	struct inotify_event event;

	for (size_t i = 0; i < NAMES; i++)
		if (read(fd, &event, sizeof(event)) != sizeof(event) || event.mask != IN_IGNORED ||
		    event.wd != watches[i])
			km_fail("watch %zu was not added and removed", i);
}

int main(int argc, char **argv)
{
	int fd;

	km_start(argc, argv);
	fd = inotify_init1(IN_NONBLOCK);
	if (fd < 0) {
		if (errno == ENOSYS)
			km_absent("this kernel has no inotify");
		km_fail("inotify_init");
	}
	close(fd);
	make_files();
	while (km_pass()) {
		int wrong = 0;

		fd = inotify_init1(IN_NONBLOCK);
		memset(watches, 0, sizeof(watches));
		km_begin();
		for (size_t i = 0; i < NAMES; i++)
			watches[i] = inotify_add_watch(fd, names[i], IN_ATTRIB);
		for (size_t i = 0; i < NAMES; i++)
			wrong |= inotify_rm_watch(fd, watches[i]);
		km_end(NAMES);
		if (wrong)
			km_fail("a watch could not be removed");
		check_words(fd);
		close(fd);
	}
	remove_files();
	return km_finish();
}
