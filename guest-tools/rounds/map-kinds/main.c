// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rarer ways through mm/mmap.c, mremap.c, mlock.c, mprotect.c and util.c: limits, overcommit_memory, fixed places,
 * special mappings that are moved, MREMAP_DONTUNMAP, mlockall(), mlock2(), keys.
 */
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/shm.h>

#include "../common.h"

#define ROUNDS 24
#define PAGES 16
#define FAR 0x600000000000
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#define OVERCOMMIT "/proc/sys/vm/overcommit_memory"
#define RATIO "/proc/sys/vm/overcommit_ratio"
#define KBYTES "/proc/sys/vm/overcommit_kbytes"

static size_t size;
static struct rlimit no_limit;

static void limit(int what, size_t bytes)
{
	struct rlimit old;

	must(!getrlimit(what, &old));
	old.rlim_cur = bytes;
	must(!setrlimit(what, &old));
}

static void places(void)
{
	char *p = anonymous(PAGES), *q;

	km_fill(p, PAGES);
	q = mmap(p, size, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	must(q == MAP_FAILED && errno == EEXIST);
	must(!munmap(p + size / 4, size / 2));	/* the middle: two are left */
	q = km_map(p + size / 4, size / 2, RW, ANON | MAP_FIXED_NOREPLACE, -1);
	must(q == p + size / 4);
	q = km_map(p, size, PROT_READ, ANON | MAP_FIXED, -1);
	must(!*(volatile char *)q && !munmap(p, size));
	p = km_map(NULL, size, RW, ANON | MAP_POPULATE | MAP_STACK | MAP_NORESERVE, -1);
	must(!munmap(p, size));
#ifdef MAP_32BIT
	p = km_map(NULL, size, RW, ANON | MAP_32BIT, -1);
	must((uintptr_t)p < 1ul << 32 && !munmap(p, size));
#endif
	refused((long)mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	refused((long)mmap(NULL, size, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	refused((long)mmap((void *)1, size, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	refused(munmap((void *)1, size), EINVAL);
}

static void of_files(void)
{
	int fd = memfd_create("kinds", 0), only_read;
	char path[64], *p;

	must(fd >= 0 && !ftruncate(fd, size));
	refused((long)mmap(NULL, size, RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0), EOPNOTSUPP);
	refused((long)mmap(NULL, size, RW, MAP_SHARED, fd, 1), EINVAL);
	refused((long)mmap(NULL, size, RW, MAP_SHARED, 9999, 0), EBADF);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	only_read = open(path, O_RDONLY);
	refused((long)mmap(NULL, size, RW, MAP_SHARED, only_read, 0), EACCES);
	p = km_map(NULL, size, PROT_READ, MAP_SHARED, only_read);
	refused(mprotect(p, size, RW), EACCES);
	must(!munmap(p, size) && !close(only_read) && !close(fd));
}

/* A map that grows by being touched below, up to its limit. */
static void grows(void)
{
	char *p = km_map(NULL, size, PROT_NONE, ANON | MAP_NORESERVE, -1), *top = p + size - page_size;

	must(!munmap(p, size));
	p = km_map(top, page_size, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1);
	km_fill(p, 1);
	must(!mprotect(p, page_size, PROT_READ | PROT_GROWSDOWN) && !mprotect(p, page_size, RW));
	refused(mprotect(p, page_size, RW | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
	must(!km_unlike(p, 1) && !munmap(p, page_size));
	p = anonymous(1);
	refused(mprotect(p, page_size, PROT_READ | PROT_GROWSDOWN), EINVAL);
	must(!munmap(p, page_size));
}

static void limits(void)
{
	char *p;

	limit(RLIMIT_AS, 1 << 20);
	refused((long)mmap(NULL, size, RW, ANON, -1, 0), ENOMEM);
	limit(RLIMIT_AS, RLIM_INFINITY);
	p = km_map(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS, -1);
	must(!munmap(p, size));
	limit(RLIMIT_STACK, 1 << 20);
	limit(RLIMIT_STACK, no_limit.rlim_cur);
	must(km_put(OVERCOMMIT, "2"));
	must(km_put(RATIO, "1"));
	refused((long)mmap(NULL, (size_t)2 << 30, RW, ANON, -1, 0), ENOMEM);
	must(km_put(KBYTES, "100000"));
	must(km_put(KBYTES, "0"));
	must(km_put(RATIO, "50"));
	must(km_put(OVERCOMMIT, "1"));
	must(!munmap(km_map(NULL, (size_t)64 << 30, RW, ANON, -1), (size_t)64 << 30));
	must(km_put(OVERCOMMIT, "0"));
	refused((long)mmap(NULL, (size_t)64 << 30, RW, ANON, -1, 0), ENOMEM);
}

static void moves(void)
{
	char *p = anonymous(PAGES), *q = anonymous(2 * PAGES), *r;

	km_fill(p, PAGES);
	km_fill(q, 2 * PAGES);
	r = (char *)syscall(SYS_mremap, p, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	must(r != MAP_FAILED && r != p && !km_unlike(r, PAGES) && !*(volatile char *)p);
	must(mremap(r, size, size / 2, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);	/* over what is there, and shrinks */
	must(!km_unlike(q, PAGES / 2) && *(volatile uint64_t *)(q + size) == km_word(PAGES));
	refused((long)mremap(q, size / 2, size, MREMAP_MAYMOVE | MREMAP_FIXED, q + page_size), EINVAL);
	refused((long)mremap(q, 0, page_size, MREMAP_MAYMOVE), EINVAL);	/* private: no second one */
	refused((long)mremap(q, size, 4 * size, 0), EFAULT);	/* two maps: their ends differ */
	refused((long)mremap(q + 1, size, size, 0), EINVAL);
	must(!munmap(p, size) && !munmap(q, 2 * size));
	p = km_map(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS, -1);
	km_fill(p, PAGES);
	q = mremap(p, 0, size, MREMAP_MAYMOVE);	/* the same pages once more */
	must(q != MAP_FAILED && !km_unlike(q, PAGES));
	*(volatile char *)q = 77;
	must(*(volatile char *)p == 77 && !munmap(p, size) && !munmap(q, size));
}

static void locks(void)
{
	unsigned char seen[PAGES];
	char *p, *q = anonymous(PAGES);

	must(!syscall(SYS_mlock2, q, size, 1));	/* MLOCK_ONFAULT */
	must(!mincore(q, size, seen) && !(seen[0] & 1));
	km_fill(q, PAGES);
	must(!mlock(q, size / 2) && !munlock(q + size / 4, size / 4));
	must(!mlockall(MCL_FUTURE));	/* not what is there: some of it is large and empty */
	p = km_map(NULL, size, RW, ANON, -1);
	must(!mincore(p, size, seen) && (seen[PAGES - 1] & 1));
	must(!mlockall(MCL_CURRENT | MCL_FUTURE | 4));	/* MCL_ONFAULT */
	must(!munmap(p, size));
	p = km_map(NULL, size, RW, ANON, -1);
	must(!mincore(p, size, seen) && !(seen[PAGES - 1] & 1));
	must(!munlockall() && !munmap(p, size));
	refused(mlockall(64), EINVAL);
	p = km_map(NULL, size, RW, ANON | MAP_LOCKED, -1);
	must(!mincore(p, size, seen) && (seen[0] & 1) && !munmap(p, size));
	refused(mlock(p, size), ENOMEM);
	must(!km_unlike(q, PAGES) && !munmap(q, size));
}

/* System V memory that is locked. */
static void shm_locks(void)
{
	int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
	char *p;

	if (id < 0) {
		must(errno == ENOSYS);
		errno = 0;
		return;
	}
	p = shmat(id, NULL, 0);
	km_fill(p, PAGES);
	must(!shmctl(id, SHM_LOCK, NULL) && !shmctl(id, SHM_UNLOCK, NULL));
	must(!km_unlike(p, PAGES) && !shmdt(p) && !shmctl(id, IPC_RMID, NULL));
}

static void keys(void)
{
	char *p = anonymous(PAGES);
	int key = syscall(SYS_pkey_alloc, 0, 0);

	if (key < 0 && errno == ENOSYS) {
		errno = 0;
		must(!munmap(p, size));
		return;
	}
	if (key < 0) {
		refused(syscall(SYS_pkey_mprotect, p, size, PROT_READ, 5), EINVAL);
	} else {
		must(!syscall(SYS_pkey_mprotect, p, size, PROT_READ, key));
		must(!*(volatile char *)p && !syscall(SYS_pkey_mprotect, p, size, RW, 0));
		must(!syscall(SYS_pkey_free, key));
		refused(syscall(SYS_pkey_mprotect, p, size, RW, key), EINVAL);
		refused(syscall(SYS_pkey_alloc, 1, 0), EINVAL);
	}
	must(!syscall(SYS_pkey_mprotect, p, size, RW, -1) && !munmap(p, size));
}

/* Without access: still mapped, no page is to be had. */
static void access_none(void)
{
	char *p = anonymous(PAGES);
	int zero = open("/dev/zero", O_RDONLY);

	km_fill(p, PAGES);
	must(!mprotect(p, size, PROT_NONE));
	refused(read(zero, p, 1), EFAULT);
	must(!mprotect(p + size / 4, size / 4, PROT_READ | PROT_EXEC) && !mprotect(p, size, RW));
	must(!km_unlike(p, PAGES) && !munmap(p, size) && !close(zero));
}

/* In a child: ours must stay where it is. */
static void move_vdso(void)
{
	char *from = (char *)(getauxval(AT_SYSINFO_EHDR) & -page_size), *to = (char *)FAR;
	int status;
	pid_t pid;

	if (!from)
		return;
	pid = fork();
	if (!pid) {
		bool same = mremap(from, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to ||
			    mremap(from, 2 * page_size, 2 * page_size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to ||
			    errno == EINVAL;

		_exit(same ? 0 : 1);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
}

int main(int argc, char **argv)
{
	begin_program(argc, argv);
	size = PAGES * page_size;
	must(!getrlimit(RLIMIT_STACK, &no_limit));
	km_keep(RATIO);
	km_keep(OVERCOMMIT);
	while (km_pass()) {
		must(!munlockall());
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			places();
			of_files();
			grows();
			if (i % 6 == 0)
				limits();
			moves();
			if (i % 6 == 0)
				locks();
			shm_locks();
			keys();
			access_none();
			if (i % 6 == 0)
				move_vdso();
		}
		km_end(ROUNDS);
	}
	return km_finish();
}
