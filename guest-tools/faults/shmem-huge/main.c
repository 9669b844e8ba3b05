// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to huge pages of a tmpfs mounted with huge=always: shmem_alloc_hugefolio(), do_set_pmd(). */
#include <sys/mount.h>
#include <sys/stat.h>

#include "../common.h"

#define PAGES 24
#define FOLDER "/tmp/faults-huge"

static void umount_tmpfs(void)
{
	umount2(FOLDER, MNT_DETACH);
	rmdir(FOLDER);
}

static void mount_tmpfs(void)
{
	if (mkdir(FOLDER, 0700) && errno != EEXIST)
		km_fail(FOLDER);
	if (atexit(umount_tmpfs))
		km_fail("atexit");
	if (mount("none", FOLDER, "tmpfs", 0, "huge=always")) {
		if (errno == EINVAL)
			km_absent("this kernel's tmpfs has no huge pages");
		km_fail("mount a tmpfs with huge=always");
	}
	errno = 0;
}

/* A file without a name, of which no page is there. */
static int create(size_t size)
{
	int fd = open(FOLDER "/file", O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || unlink(FOLDER "/file") || ftruncate(fd, size))
		km_fail(FOLDER "/file");
	return fd;
}

int main(int argc, char **argv)
{
	size_t huge = km_thp_size(), size = PAGES * huge;

	km_start(argc, argv);
	mount_tmpfs();
	while (km_pass()) {
		int fd = create(size);
		unsigned char *p = map_apart(size, huge, MAP_SHARED, fd);

		write_each(p, PAGES, huge);
		km_check_smaps(p, size, "ShmemPmdMapped", size);
		check_and_unmap(p, size, huge);
		close(fd);
	}
	return km_finish();
}
