// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * balance_dirty_pages(), wb_position_ratio(), wb_update_bandwidth(): a file on ext4 is written by a cgroup above the
 * dirty limits (cgwb_create(), mem_cgroup_wb_stats()); the settings of /proc/sys/vm and /sys/class/bdi.
 */
#include "../files.h"

#define FOLDER "/tmp/ramfs"
#define FILE_NAME FOLDER "/file"
#define BDI "/sys/class/bdi/1:0/"
#define VM "/proc/sys/vm/"
#define SIZE ((size_t)6 << 20)
#define CHUNK ((size_t)65536)

static const struct {
	const char *path, *value;
} settings[] = {
	{ VM "dirty_background_ratio", "5" }, { VM "dirty_ratio", "10" }, { VM "dirty_background_bytes", "1048576" },
	{ VM "dirty_bytes", "2097152" }, { VM "dirty_expire_centisecs", "500" },
	{ VM "dirtytime_expire_seconds", "3600" }, { VM "page-cluster", "2" },
	{ BDI "read_ahead_kb", "64" }, { BDI "min_ratio", "1" }, { BDI "max_ratio", "50" },
	{ BDI "strict_limit", "1" }, { BDI "strict_limit", "0" },	/* with it a writer waits without end on Linux 7.3 */
};

static const char *const only_read[] = {
	BDI "stable_pages_required", KM_DEBUGFS "bdi/1:0/stats", KM_DEBUGFS "bdi/1:0/wb_stats",
	VM "dirty_writeback_centisecs", CGROUP "/memory.stat",
};

static const char *const back[][2] = {
	{ BDI "strict_limit", "0" }, { BDI "max_ratio", "100" }, { BDI "min_ratio", "0" },
	{ BDI "read_ahead_kb", "128" }, { VM "dirty_expire_centisecs", "3000" },
	{ VM "dirtytime_expire_seconds", "43200" }, { VM "page-cluster", "3" },
	{ VM "dirty_background_ratio", "10" }, { VM "dirty_ratio", "20" },
};

static void put_back_settings(void)
{
	for (size_t i = 0; i < sizeof(back) / sizeof(*back); i++)
		km_put(back[i][0], back[i][1]);
}

static void remove_group(void)
{
	km_put(CGROUPS "/cgroup.procs", "0");
	rmdir(CGROUP);
	km_put(CGROUPS "/cgroup.subtree_control", "-io");
}

static int change_settings(void)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		failed += change_setting(settings[i].path, settings[i].value);
	return failed;
}

static int write_all(int fd, const char *data)
{
	int failed = 0;

	for (size_t at = 0; at < SIZE; at += CHUNK)
		failed += pwrite(fd, data, CHUNK, at) != (ssize_t)CHUNK;
	return failed;
}

static int one_round(const char *data)
{
	int failed = mkdir(CGROUP, 0700), fd;
	unsigned char *p;

	failed += !km_put(CGROUP "/cgroup.procs", "0");
	failed += change_settings();
	fd = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC, 0600);
	failed += fd < 0;
	failed += write_all(fd, data);
	failed += count_unread(only_read, sizeof(only_read) / sizeof(*only_read), 1);
	failed += !km_put(CGROUP "/memory.max", "4194304");	/* the limits of the cgroup count, too */
	failed += write_all(fd, data);
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	failed += p == MAP_FAILED;
	for (size_t at = 0; at < SIZE / 4; at += 4096)
		*(volatile unsigned char *)(p + at) = 1;
	failed += !km_put(CGROUPS "/cgroup.procs", "0");
	for (size_t at = SIZE / 4; at < SIZE / 2; at += 4096)	/* of another's pages: foreign */
		*(volatile unsigned char *)(p + at) = 1;
	failed += msync(p, SIZE, MS_SYNC) || fsync(fd);
	munmap(p, SIZE);
	close(fd);
	failed += !!unlink(FILE_NAME);
	sync();
	put_back_settings();
	failed += !!rmdir(CGROUP);
	usleep(300000);	/* what it had is freed by workers */
	return failed;
}

int main(int argc, char **argv)
{
	char *data = malloc(CHUNK);

	km_start(argc, argv);
	if (!data)
		km_fail("memory");
	memset(data, 'x', CHUNK);
	cgroup_mount();
	if (!km_put(CGROUPS "/cgroup.subtree_control", "+io"))
		km_note("no io controller: the cgroup has no writeback of its own");
	if (atexit(remove_group) || atexit(put_back_settings))
		km_fail("atexit");
	km_mount_ram(FOLDER);
	km_mount_debugfs();
	errno = 0;
	while (km_pass()) {
		km_begin();
		end_steps(1, one_round(data));
	}
	return km_finish();
}
