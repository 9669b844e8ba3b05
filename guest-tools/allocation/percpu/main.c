// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A tmpfs is mounted and unmounted: pcpu_alloc() and free_percpu() of its counter of blocks, of the locks of its
 * super block and of the mount's own counts.
 */
#include "../common.h"

#define MOUNTS 192
#define FOLDER "/tmp/percpu"

static char names[MOUNTS][32];

static dev_t device(const char *name)
{
	struct stat told;

	if (stat(name, &told))
		km_fail("%s", name);
	return told.st_dev;
}

static void make_folders(void)
{
	if (mkdir(FOLDER, 0700) && errno != EEXIST)
		km_fail(FOLDER);
	for (size_t i = 0; i < MOUNTS; i++) {
		snprintf(names[i], sizeof(names[i]), FOLDER "/%zu", i);
		if (mkdir(names[i], 0700) && errno != EEXIST)
			km_fail("%s", names[i]);
	}
	errno = 0;
}

static void remove_folders(void)
{
	for (size_t i = 0; i < MOUNTS; i++)
		rmdir(names[i]);
	rmdir(FOLDER);
}

int main(int argc, char **argv)
{
	dev_t without;

	km_start(argc, argv);
	make_folders();
	without = device(FOLDER);
	while (km_pass()) {
		size_t seen = 0;

		km_begin();
		for (size_t i = 0; i < MOUNTS; i++)
			if (mount("none", names[i], "tmpfs", 0, NULL))
				km_fail("mount tmpfs");
		for (size_t i = 0; i < MOUNTS; i++)
			seen += device(names[i]) != without;
		for (size_t i = 0; i < MOUNTS; i++)
			if (umount2(names[i], 0))
				km_fail("umount");
		km_end(MOUNTS);
		if (seen != MOUNTS)
			km_fail("%zu file systems were mounted, not %d", seen, MOUNTS);
		for (size_t i = 0; i < MOUNTS; i++)
			if (device(names[i]) != without)
				km_fail("%s is still mounted", names[i]);
	}
	remove_folders();
	return km_finish();
}
