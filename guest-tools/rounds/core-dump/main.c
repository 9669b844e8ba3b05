// SPDX-License-Identifier: GPL-2.0-or-later
/* get_dump_page(), dump_user_range(), dump_vma_snapshot(), call_usermodehelper() of a core; get_arg_page(), copy_strings() of exec. */
#include <sys/prctl.h>
#include <sys/resource.h>

#include "../common.h"

#define ROUNDS 3
#define PAGES 64
#define PATTERN "/proc/sys/kernel/core_pattern"
#define CORE "/tmp/a-core"
#define ARGUMENT 1000
#define ARGUMENTS 100

static char *p, old[256], *arguments[ARGUMENTS + 1];

/* What we are measured with has large maps. */
static void leave_out_large(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[256];

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && to - from > 1 << 24)
			madvise((void *)from, to - from, MADV_DONTDUMP);
}

/* What is in the dump, and what is left out: a hole, shared pages, what is marked so. */
static void child(void)
{
	struct rlimit all = { 16 << 20, 16 << 20 };
	char *none = km_map(NULL, PAGES * page_size, RW, ANON, -1);
	char *left_out = km_map(NULL, PAGES * page_size, RW, ANON, -1);

	*(volatile char *)none = 1;
	madvise(left_out, PAGES * page_size, MADV_DONTDUMP);
	must(km_put("/proc/self/coredump_filter", "0x11"));	/* private memory: what is shared is large */
	leave_out_large();
	setrlimit(RLIMIT_CORE, &all);
	prctl(PR_SET_DUMPABLE, 1);
	signal(SIGSEGV, SIG_DFL);
	kill(getpid(), SIGSEGV);
	_exit(1);
}

static void dump(const char *pattern, bool file)
{
	struct stat st;
	int status;
	pid_t pid;

	must(km_put(PATTERN, pattern));
	pid = fork();
	if (!pid)
		child();
	must(pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	if (file) {
		must(WCOREDUMP(status) && !stat(CORE, &st) && st.st_size > (off_t)(PAGES * page_size));
		must(!unlink(CORE));
	}
}

/* busybox true: it does nothing with them. */
static void start_program(void)
{
	int status;
	pid_t pid = vfork();

	if (!pid) {
		execve("/bin/busybox", arguments, arguments + ARGUMENTS / 2);
		_exit(127);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
	begin_program(argc, argv);
	if (km_text(PATTERN, old, sizeof(old)) < 0)
		km_absent("no core dumps in this kernel");
	must(*old);
	old[strcspn(old, "\n")] = 0;
	p = anonymous(PAGES);
	km_fill(p, PAGES);
	arguments[0] = "true";
	for (int i = 1; i < ARGUMENTS; i++) {
		arguments[i] = malloc(ARGUMENT + 1);
		memset(arguments[i], 'a' + i % 26, ARGUMENT);
		arguments[i][ARGUMENT] = 0;
	}
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			dump(CORE, true);
			dump("|/bin/busybox dd of=/dev/null bs=64k", false);
			start_program();
		}
		must(km_put(PATTERN, old));
		km_end(ROUNDS);
	}
	return km_finish();
}
