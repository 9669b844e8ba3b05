// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * out_of_memory(): a child above memory.max is killed, two at once (memory.oom.group), one by the system's killer as
 * sysrq asks for it; the memory of a fourth is freed by process_mrelease().
 */
#include <sched.h>

#include "../files.h"

#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define ROUNDS 2
#define PAGES 512
#define SYSRQ "/proc/sysrq-trigger"
#define SCORE "/proc/self/oom_score_adj"

static size_t page_size;

/* It touches all of p and waits for its end. */
static pid_t start(unsigned char *p, size_t pages, bool in_group)
{
	pid_t pid = fork_or_fail();

	if (pid)
		return pid;
	if (!km_put(SCORE, "1000") || (in_group && !km_put(CGROUP "/cgroup.procs", "0")))
		_exit(1);
	touch(p, pages, page_size);
	for (;;)
		pause();
}

static int killed(pid_t pid)
{
	int status = wait_for(pid);

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static int kill_one(unsigned char *p)
{
	return !killed(start(p, PAGES, true));
}

/* The first is there already, and goes with the second. */
static int kill_group(unsigned char *p)
{
	int failed = !km_put(CGROUP "/memory.oom.group", "1");
	pid_t first = start(p, PAGES / 8, true), second;

	usleep(10000);
	second = start(p, PAGES, true);
	failed += !killed(second);
	failed += !killed(first);
	failed += !km_put(CGROUP "/memory.oom.group", "0");
	return failed;
}

static int kill_by_system(unsigned char *p)
{
	pid_t pid = start(p, PAGES, false);
	int failed;

	usleep(10000);
	failed = !km_put(SYSRQ, "f");
	return failed + !killed(pid);
}

static int release_memory(unsigned char *p)
{
	pid_t pid = start(p, PAGES, false);
	int failed, fd = syscall(SYS_pidfd_open, pid, 0);

	usleep(10000);
	failed = fd < 0 || kill(pid, SIGKILL) || syscall(SYS_process_mrelease, fd, 0);
	close(fd);
	return failed + !killed(pid);
}

int main(int argc, char **argv)
{
	struct sched_param none = { 0 };
	unsigned char *p;

	page_size = km_page_size();
	km_start(argc, argv);
	if (syscall(SYS_process_mrelease, -1, 0) && errno == ENOSYS)
		km_absent("no process_mrelease() in this kernel");
	if (access(SYSRQ, W_OK))
		km_absent("no sysrq in this kernel");
	cgroup_make();
	no_messages();
	km_keep("/proc/sys/kernel/sysrq");
	km_write("/proc/sys/kernel/sysrq", "1");
	km_write(CGROUP "/memory.max", "%zu", PAGES / 2 * page_size);
	if (sched_setscheduler(0, SCHED_BATCH, &none))
		km_fail("SCHED_BATCH");
	p = km_anonymous(PAGES * page_size);
	errno = 0;
	while (km_pass()) {
		long long kills = km_number_in(CGROUP "/memory.events", "oom_kill");
		int failed = 0;

		if (kills < 0)
			km_fail("memory.events");
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			failed += kill_one(p);
			failed += kill_group(p);
			failed += kill_by_system(p);
			failed += release_memory(p);
		}
		end_steps(ROUNDS, failed);
		kills = km_number_in(CGROUP "/memory.events", "oom_kill") - kills;
		if (kills < 3 * ROUNDS)	/* the first of a group is counted twice */
			km_fail("%lld processes of the cgroup were killed, not %d", kills, 3 * ROUNDS);
		sleep(5);	/* the reaper looks two seconds later */
	}
	return km_finish();
}
