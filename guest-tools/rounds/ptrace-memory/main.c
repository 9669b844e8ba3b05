// SPDX-License-Identifier: GPL-2.0-or-later
/* access_remote_vm(), forced writes by get_user_pages_remote(), ptrace_access_vm(), kcmp(), membarrier(). */
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "../common.h"

#define ROUNDS 40
#define PAGES 16

static char *p, *only_read, *shared;

static pid_t child(void)
{
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(*(volatile long *)only_read == 4242 ? 0 : 1);
	}
	must(pid > 0);
	return pid;
}

static void words(pid_t pid)
{
	for (int i = 0; i < PAGES; i++) {
		char *at = p + i * page_size + 8;
		long word;

		must(!ptrace(PTRACE_POKEDATA, pid, at, i * 3L + 1));
		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, pid, at, 0);
		must(!errno && word == i * 3L + 1 && *(volatile long *)at == 0);
	}
	must(!ptrace(PTRACE_POKEDATA, pid, only_read, 4242L));	/* a breakpoint is set so */
	refused(ptrace(PTRACE_POKEDATA, pid, (void *)8, 1L), EIO);
	refused(ptrace(PTRACE_PEEKDATA, pid, (void *)8, 0), EIO);
}

static void by_file(pid_t pid)
{
	char path[64];
	uint64_t word = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	must(fd >= 0);
	for (int i = 0; i < PAGES; i++) {
		off_t at = (uintptr_t)p + i * page_size;

		must(pread(fd, &word, 8, at) == 8 && word == km_word(i));
		word = 5;
		must(pwrite(fd, &word, 8, at) == 8);
	}
	must(pread(fd, &word, 8, (uintptr_t)p + 7 * page_size - 4) == 8);	/* parts of two pages */
	must(pwrite(fd, "q", 1, (uintptr_t)only_read + 100) == 1);
	must(pwrite(fd, "r", 1, (uintptr_t)shared) == 1 && *(volatile char *)shared == 'r');
	refused(pread(fd, &word, 8, 8), EIO);
	must(!close(fd) && !km_unlike(p, PAGES));
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	must(read_all(path, 4096));
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	read_all(path, 4096);
	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	must(read_all(path, 4096));
}

static void by_vectors(pid_t pid)
{
	char text[64] = "";
	struct iovec mine = { text, 64 }, theirs[2] = { { p + page_size - 32, 32 }, { p + 2 * page_size, 32 } };

	must(process_vm_readv(pid, &mine, 1, theirs, 2, 0) == 64);
	must(process_vm_writev(pid, &mine, 1, theirs, 2, 0) == 64);
	theirs[0].iov_base = only_read;
	refused(process_vm_writev(pid, &mine, 1, theirs, 1, 0), EFAULT);
	theirs[0].iov_base = (void *)8;
	refused(process_vm_readv(pid, &mine, 1, theirs, 1, 0), EFAULT);
}

static void others(pid_t pid)
{
	long can = syscall(SYS_membarrier, 0, 0, 0);

	if (can > 0) {
		must(!syscall(SYS_membarrier, 1 << 4, 0, 0) && !syscall(SYS_membarrier, 1 << 3, 0, 0));
		must(!syscall(SYS_membarrier, 1 << 2, 0, 0) && !syscall(SYS_membarrier, 1 << 1, 0, 0));
	}
	errno = 0;
	for (int kind = 1; kind < 7; kind++)
		if (syscall(SYS_kcmp, getpid(), pid, kind, 0, 0) < 0)
			must(errno == ENOSYS || errno == EOPNOTSUPP);
	errno = 0;
}

int main(int argc, char **argv)
{
	begin_program(argc, argv);
	p = anonymous(PAGES);
	only_read = anonymous(1);
	shared = km_map(NULL, page_size, RW, MAP_SHARED | MAP_ANONYMOUS, -1);
	km_fill(p, PAGES);
	must(!mprotect(only_read, page_size, PROT_READ));
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			pid_t pid = child();
			int status;

			must(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
			by_vectors(pid);
			by_file(pid);
			words(pid);
			others(pid);
			must(!ptrace(PTRACE_DETACH, pid, 0, 0));
			must(waitpid(pid, &status, 0) == pid && !status);
		}
		km_end(ROUNDS);
	}
	return km_finish();
}
