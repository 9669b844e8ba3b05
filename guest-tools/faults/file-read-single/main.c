// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads of pages that are in the page cache, each with a fault of its own: __do_fault(), shmem_fault(), finish_fault().
 * Only the setting of debugfs takes fault-around away; MADV_RANDOM does not.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "../common.h"

#define PAGES 4096
#define DEBUGFS "/tmp/faults-debugfs"
#define AROUND DEBUGFS "/fault_around_bytes"

static void umount_debugfs(void)
{
	umount2(DEBUGFS, MNT_DETACH);
	rmdir(DEBUGFS);
}

static void mount_debugfs(void)
{
	if (mkdir(DEBUGFS, 0700) && errno != EEXIST)
		km_fail(DEBUGFS);
	if (atexit(umount_debugfs))	/* before km_keep(): that is put back first */
		km_fail("atexit");
	if (mount("none", DEBUGFS, "debugfs", 0, NULL)) {
		if (errno == ENODEV || errno == EPERM)
			km_absent("this kernel has no debugfs");
		km_fail("mount debugfs");
	}
	if (access(AROUND, F_OK))
		km_absent("this kernel has no fault_around_bytes in debugfs");
	errno = 0;
}

int main(int argc, char **argv)
{
	size_t page_size = sysconf(_SC_PAGESIZE), size = PAGES * page_size;
	unsigned long expected = 0;
	int fd;

	km_start(argc, argv);
	mount_debugfs();
	km_keep(AROUND);
	km_write(AROUND, "%zu", page_size);
	fd = filled_memfd(size, page_size);
	for (size_t i = 0; i < PAGES; i++)
		expected += value(i);
	while (km_pass()) {
		unsigned char *p = map_apart(size, ALIGN, MAP_SHARED, fd);
		unsigned long sum = 0;

		sum += *(volatile unsigned char *)p;
		check_smaps(p, size, "Rss", page_size);	/* no page around it was mapped */
		km_begin();
		for (size_t i = 1; i < PAGES; i++)
			sum += ((volatile unsigned char *)p)[i * page_size];
		km_end(PAGES - 1);
		if (sum != expected)
			km_fail("what was read adds up to %lu, not %lu", sum, expected);
		check_present(p, PAGES, PAGES);
		unmap_apart(p, size);
	}
	close(fd);
	return km_finish();
}
