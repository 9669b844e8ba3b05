/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk of the guest's own, of null_blk: a request has one page at most, there is one at a time, and each takes so long by
 * the guest's clock, whatever the host does. It has an ext2, which ext4 mounts: no journal writes to it by itself.
 */
#ifndef SLOW_H
#define SLOW_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kmatrix.h"

#define CONFIGFS "/sys/kernel/config"
#define SLOW CONFIGFS "/nullb/slow"

static const char *slow_folder;

static void slow_end(void)
{
	if (slow_folder) {
		umount(slow_folder);
		rmdir(slow_folder);
	}
	rmdir(SLOW);	/* which ends the disk */
}

/* Its device. */
static const char *slow_disk(long request_ns)
{
	static char name[32];

	if (mount("configfs", CONFIGFS, "configfs", 0, NULL) && errno != EBUSY)
		km_absent("no configfs in this kernel");
	if (mkdir(SLOW, 0700))
		km_absent("no null_blk in this kernel");
	if (atexit(slow_end))
		km_fail("atexit");
	km_write(SLOW "/size", "16");	/* MiB */
	km_write(SLOW "/blocksize", "4096");
	km_write(SLOW "/memory_backed", "1");
	km_write(SLOW "/irqmode", "2");	/* a timer ends each request */
	km_write(SLOW "/completion_nsec", "%ld", request_ns);
	km_write(SLOW "/hw_queue_depth", "1");
	km_write(SLOW "/max_sectors", "8");
	km_write(SLOW "/power", "1");
	snprintf(name, sizeof(name), "/dev/nullb%ld", km_read(SLOW "/index"));
	return access(name, F_OK) ? "/dev/slow" : name;	/* the folder's name, since Linux 6.2 and in Debian's 6.1 */
}

/* Until the program ends. Without times in the inodes: a write fault needs nothing else of the disk. */
static void slow_mount(const char *folder, long request_ns)
{
	const char *disk = slow_disk(request_ns);
	char command[64];

	snprintf(command, sizeof(command), "mke2fs -F -b 4096 %s >/dev/null", disk);
	if (system(command))
		km_fail("mke2fs %s", disk);
	if (mkdir(folder, 0700) && errno != EEXIST)
		km_fail("%s", folder);
	if (mount(disk, folder, "ext4", MS_NOATIME | MS_LAZYTIME, NULL)) {
		if (errno == ENODEV)
			km_absent("no ext4 in this kernel");
		km_fail("mount %s", disk);
	}
	slow_folder = folder;
	errno = 0;
}

#endif
