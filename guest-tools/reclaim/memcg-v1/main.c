// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory controller of cgroup v1: its files, thresholds that are told by eventfd, charges that move with a process
 * (mem_cgroup_move_charge()), a process that waits for memory (mem_cgroup_oom_synchronize()).
 */
#include <sys/eventfd.h>

#include "../files.h"

#define ROUNDS 2
#define PAGES 1536
#define TOP "/tmp/cg1"
#define A TOP "/a/"
#define B TOP "/b/"

static const struct {
	const char *path, *value, *back;
} settings[] = {
	{ A "memory.soft_limit_in_bytes", "1048576", "-1" },
	{ A "memory.limit_in_bytes", "1073741824", "-1" },
	{ A "memory.memsw.limit_in_bytes", "2147483648", NULL },
	{ A "memory.kmem.tcp.limit_in_bytes", "1073741824", "-1" },
	{ A "memory.swappiness", "50", "60" },
	{ A "memory.use_hierarchy", "1", "1" },
	{ B "memory.move_charge_at_immigrate", "3", NULL },
};

static const char *const shown[] = {
	A "memory.usage_in_bytes", A "memory.max_usage_in_bytes", A "memory.failcnt", A "memory.stat",
	A "memory.numa_stat", A "memory.memsw.usage_in_bytes", A "memory.memsw.max_usage_in_bytes",
	A "memory.memsw.failcnt", A "memory.kmem.usage_in_bytes", A "memory.kmem.limit_in_bytes",
	A "memory.kmem.failcnt", A "memory.kmem.max_usage_in_bytes", A "memory.kmem.slabinfo",
	A "memory.kmem.tcp.usage_in_bytes", A "memory.kmem.tcp.failcnt", A "memory.kmem.tcp.max_usage_in_bytes",
	A "memory.oom_control", B "memory.move_charge_at_immigrate", A "memory.swappiness",
	A "memory.use_hierarchy", TOP "/memory.usage_in_bytes", TOP "/memory.stat",
};

static const char *const reset[] = {
	A "memory.max_usage_in_bytes", A "memory.failcnt", A "memory.memsw.max_usage_in_bytes",
	A "memory.memsw.failcnt", A "memory.kmem.max_usage_in_bytes", A "memory.kmem.failcnt",
	A "memory.kmem.tcp.max_usage_in_bytes", A "memory.kmem.tcp.failcnt",
};

static size_t page_size;

static void put_back_v1(void)
{
	km_put(TOP "/cgroup.procs", "0");
	rmdir(A);
	rmdir(B);
	umount2(TOP, MNT_DETACH);
	rmdir(TOP);
}

static int write_settings(void)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		failed += !access(settings[i].path, W_OK) && !km_put(settings[i].path, settings[i].value);
	return failed;
}

static void settings_back(void)
{
	km_put(A "memory.memsw.limit_in_bytes", "-1");	/* first: a limit is not above it */
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (settings[i].back)
			km_put(settings[i].path, settings[i].back);
	for (size_t i = 0; i < sizeof(reset) / sizeof(*reset); i++)
		km_put(reset[i], "0");
}

/* An eventfd that tells of what the file does; -1: there is none. */
static int listen_to(const char *path, const char *what, int *file)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	*file = open(path, O_RDONLY | O_CLOEXEC);
	if (event < 0 || *file < 0 || !write_file(A "cgroup.event_control", "%d %d %s", event, *file, what)) {
		close(event);
		close(*file);
		return -1;
	}
	return event;
}

static bool told(int event)
{
	uint64_t count = 0;

	return read(event, &count, sizeof(count)) == sizeof(count) && count;
}

/* A child needs more than the limit, and waits until there is more. */
static int wait_for_memory(unsigned char *p)
{
	int failed = 0, file, event = listen_to(A "memory.oom_control", "", &file);
	pid_t child;

	failed += event < 0;
	failed += !km_put(A "memory.oom_control", "1");
	failed += !km_put_number(A "memory.limit_in_bytes", 2 << 20);
	child = fork_or_fail();
	if (!child) {
		if (!km_put(A "cgroup.procs", "0"))
			_exit(1);
		touch(p, PAGES, page_size);
		_exit(0);
	}
	for (int i = 0; i < 1000 && !told(event); i++)
		usleep(1000);
	failed += read_file(A "memory.oom_control") <= 0 || number_behind("under_oom ") != 1;
	failed += !km_put(A "memory.limit_in_bytes", "-1");
	failed += !!wait_for(child);
	failed += !km_put(A "memory.oom_control", "0");
	close(event);
	close(file);
	return failed;
}

static int one_round(unsigned char *p, unsigned char *huge, unsigned char *shared)
{
	int failed = 0, files[4], events[4];
	long long there;

	events[0] = listen_to(A "memory.usage_in_bytes", "1048576", &files[0]);
	events[1] = listen_to(A "memory.usage_in_bytes", "2097152", &files[1]);
	events[2] = listen_to(A "memory.pressure_level", "low", &files[2]);
	events[3] = listen_to(A "memory.memsw.usage_in_bytes", "1048576", &files[3]);
	failed += write_settings();
	failed += !km_put(A "cgroup.procs", "0");
	touch(p, PAGES, page_size);
	touch(shared, PAGES / 8, page_size);
	*(volatile unsigned char *)huge = 1;
	failed += events[0] < 0 || !told(events[0]) || events[1] < 0 || !told(events[1]);
	failed += count_unread(shown, sizeof(shown) / sizeof(*shown), 0);
	failed += read_file(A "memory.usage_in_bytes") <= 0 || atoll(file_text) < (long long)(PAGES * page_size);
	failed += !km_put(B "cgroup.procs", "0");
	failed += read_file(B "memory.usage_in_bytes") <= 0;
	there = atoll(file_text);
	failed += there < (long long)(PAGES * page_size);	/* it came along */
	madvise(p, PAGES * page_size, MADV_DONTNEED);
	madvise(huge, KM_TABLE, MADV_DONTNEED);
	madvise(shared, PAGES * page_size, MADV_REMOVE);
	failed += !km_put(TOP "/cgroup.procs", "0");
	for (int i = 0; i < 4; i++) {
		close(events[i]);
		close(files[i]);
	}
	failed += !km_put(A "memory.force_empty", "0");
	settings_back();
	failed += !km_put(B "memory.move_charge_at_immigrate", "0");
	failed += wait_for_memory(p);
	settings_back();
	return failed;
}

int main(int argc, char **argv)
{
	unsigned char *p, *huge, *shared;

	page_size = km_page_size();
	km_start(argc, argv);
	if (mkdir(TOP, 0700) && errno != EEXIST)
		km_fail(TOP);
	if (mount("none", TOP, "cgroup", 0, "memory"))
		km_absent("no memory controller of cgroup v1 in this kernel");
	if (atexit(put_back_v1) || mkdir(A, 0700) || mkdir(B, 0700))
		km_fail(TOP);
	if (access(B "memory.move_charge_at_immigrate", W_OK))
		km_absent("charges do not move with a process in this kernel");
	no_messages();
	p = km_anonymous(PAGES * page_size);
	huge = huge_page();
	shared = km_shmem(PAGES * page_size);
	errno = 0;
	while (km_pass()) {
		int failed = 0;

		km_begin();
		for (int i = 0; i < ROUNDS; i++)
			failed += one_round(p, huge, shared);
		end_steps(ROUNDS, failed);
	}
	return km_finish();
}
