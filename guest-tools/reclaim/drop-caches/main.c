// SPDX-License-Identifier: GPL-2.0-or-later
/* drop_slab(), super_cache_scan(), prune_dcache_sb() and prune_icache_sb(): files that nobody has open. */
#include "../common.h"

#define FOLDER "/tmp/drop-caches"
#define DROP "/proc/sys/vm/drop_caches"
#define FILES 1000

static int create(const char *name)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0600);

	return fd < 0 ? fd : close(fd);
}

static void create_files(void)
{
	char name[64];

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), FOLDER "/f%04d", i);
		if (create(name))
			km_fail("%s", name);
	}
	sync();
}

/* An inode and a dentry of each are in memory afterwards. */
static void look_at_files(void)
{
	struct stat stat;
	char name[64];

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), FOLDER "/f%04d", i);
		if (lstat(name, &stat) || !S_ISREG(stat.st_mode))
			km_fail("%s", name);
	}
}

int main(int argc, char **argv)
{
	int trigger;

	km_start(argc, argv);
	trigger = open_or_absent(DROP, O_WRONLY);
	km_mount_ram(FOLDER);
	create_files();
	km_write(DROP, "2");	/* whatever else can be dropped goes before the first pass */
	while (km_pass()) {
		long dentries, inodes;
		ssize_t written;

		look_at_files();
		dentries = km_read("/proc/sys/fs/dentry-state");
		inodes = km_read("/proc/sys/fs/inode-nr");
		km_begin();
		written = pwrite(trigger, "2", 1, 0);
		km_end(FILES);
		if (written != 1)
			km_fail(DROP);
		dentries -= km_read("/proc/sys/fs/dentry-state");
		inodes -= km_read("/proc/sys/fs/inode-nr");
		if (dentries < FILES - 10 || inodes < FILES - 10)
			km_fail("%ld dentries and %ld inodes were dropped, not %d", dentries, inodes, FILES);
	}
	return km_finish();
}
