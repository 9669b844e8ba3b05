// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmatrix.h"

#define PAGEMAP "/proc/self/pagemap"
#define SMAPS "/proc/self/smaps"
#define POOL "/proc/sys/vm/nr_hugepages"
#define SOME 256	/* pages that are looked at together */

size_t km_page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

void *km_map(void *where, size_t size, int protection, int flags, int fd)
{
	void *p = mmap(where, size, protection, flags, fd, 0);

	if (p == MAP_FAILED)
		km_fail("mmap of %zu bytes with flags %#x", size, flags);
	return p;
}

void km_small_pages(void *p, size_t size)
{
	if (madvise(p, size, MADV_NOHUGEPAGE) && errno != EINVAL)	/* EINVAL: the kernel has no huge ones */
		km_fail("madvise(MADV_NOHUGEPAGE)");
	errno = 0;
}

void *km_anonymous(size_t size)
{
	char *p = km_map(NULL, size + KM_TABLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	size_t front = -(uintptr_t)p % KM_TABLE;

	if (front)
		munmap(p, front);
	munmap(p + front + size, KM_TABLE - front);
	km_small_pages(p + front, size);
	return p + front;
}

void km_fill(void *p, size_t pages)
{
	size_t page_size = km_page_size();

	for (size_t i = 0; i < pages; i++)
		*(volatile uint64_t *)((char *)p + i * page_size) = km_word(i);
}

size_t km_unlike(const void *p, size_t pages)
{
	size_t page_size = km_page_size(), wrong = 0;

	for (size_t i = 0; i < pages; i++)
		wrong += *(const volatile uint64_t *)((const char *)p + i * page_size) != km_word(i);
	return wrong;
}

void km_check(const void *p, size_t pages)
{
	size_t wrong = km_unlike(p, pages);

	if (wrong)
		km_fail("%zu of %zu pages do not hold what was written", wrong, pages);
}

long long km_number_in(const char *path, const char *name)
{
	FILE *file = fopen(path, "r");
	size_t length = strlen(name);
	long long number = -1;
	char line[256];

	while (file && number < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, length) && (line[length] == ' ' || line[length] == ':'))
			number = strtoll(line + length + 1, NULL, 10);
	if (file)
		fclose(file);
	errno = 0;
	return number;
}

long long km_count(const char *name)
{
	km_refresh();
	return km_number_in("/proc/vmstat", name);
}

void km_check_count(const char *name, long long before, long long least)
{
	long long now = km_count(name);

	if (before >= 0 && now >= 0 && now - before < least)
		km_fail("%s of /proc/vmstat went on by %lld and not by %lld", name, now - before, least);
}

long km_smaps(const void *p, size_t size, const char *name)
{
	FILE *file = fopen(SMAPS, "r");
	size_t length = strlen(name);
	unsigned long start, end;
	bool ours = false, told = false;
	char line[512];
	long sum = 0;

	errno = 0;
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start >= (uintptr_t)p && start < (uintptr_t)p + size;
		else if (ours && !strncmp(line, name, length) && line[length] == ':') {
			sum += strtol(line + length + 1, NULL, 10);
			told = true;
		}
	}
	fclose(file);
	return told ? sum : -1;
}

void km_check_smaps(const void *p, size_t size, const char *name, size_t bytes)
{
	long kib = km_smaps(p, size, name);

	if (kib < 0)
		km_note("%s of memory was not checked: " SMAPS " does not tell it", name);
	else if ((size_t)kib != bytes >> 10)
		km_fail("%s of the memory is %ld KiB, not %zu", name, kib, bytes >> 10);
}

bool km_pagemap(const void *p, size_t pages, uint64_t *entries)
{
	ssize_t size = pages * sizeof(*entries);
	int fd = open(PAGEMAP, O_RDONLY);

	errno = 0;
	if (fd < 0) {
		km_note("how pages are mapped was not checked: there is no " PAGEMAP);
		return false;
	}
	if (pread(fd, entries, size, (uintptr_t)p / km_page_size() * sizeof(*entries)) != size)
		km_fail(PAGEMAP ": cannot be read");
	close(fd);
	return true;
}

long km_pages_with(const void *p, size_t pages, uint64_t bits)
{
	uint64_t entries[SOME];
	long found = 0;
	size_t some;

	for (size_t i = 0; i < pages; i += some) {
		some = pages - i < SOME ? pages - i : SOME;
		if (!km_pagemap((const char *)p + i * km_page_size(), some, entries))
			return -1;
		for (size_t n = 0; n < some; n++)
			found += (entries[n] & bits) == bits;
	}
	return found;
}

void km_check_pages(const void *p, size_t pages, uint64_t bits, size_t expected)
{
	long found = km_pages_with(p, pages, bits);

	if (found >= 0 && (size_t)found != expected)
		km_fail("of %zu pages %ld are %s, not %zu", pages, found,
			bits == KM_SWAPPED ? "swapped out" : bits == KM_PRESENT ? "there" : "there and nobody else's",
			expected);
}

size_t km_resident(const void *p, size_t pages)
{
	unsigned char *there = malloc(pages);
	size_t count = 0;

	if (!there || mincore((void *)p, pages * km_page_size(), there))
		km_fail("mincore");
	for (size_t i = 0; i < pages; i++)
		count += there[i] & 1;
	free(there);
	return count;
}

ssize_t km_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t length;

	if (fd < 0)
		return -1;
	length = read(fd, text, size - 1);
	text[length > 0 ? length : 0] = 0;
	close(fd);
	return length;
}

bool km_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

bool km_put_number(const char *path, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", number);
	return km_put(path, text);
}

size_t km_thp_size(void)
{
	char enabled[64];

	if (km_text(KM_THP "enabled", enabled, sizeof(enabled)) <= 0)
		km_absent("this kernel has no transparent huge pages");
	if (strstr(enabled, "[never]"))
		km_absent("transparent huge pages are switched off");
	return km_read(KM_THP "hpage_pmd_size");
}

size_t km_hugetlb_pool(size_t pages)
{
	long long kib = km_number_in("/proc/meminfo", "Hugepagesize"), free;

	if (kib <= 0)
		km_absent("this kernel or machine has no hugetlb");
	if (kib > 4096)
		km_absent("no small enough pages of hugetlb on this machine");
	km_keep(POOL);
	km_write(POOL, "%zu", pages);
	free = km_number_in("/proc/meminfo", "HugePages_Free");
	if (free != (long long)pages)
		km_fail("%lld huge pages are free, not %zu", free, pages);
	return kib << 10;
}

static void unmount_debugfs(void)
{
	umount2(KM_DEBUGFS, MNT_DETACH);
}

bool km_has_debugfs(void)
{
	bool mounted = !mount("none", KM_DEBUGFS, "debugfs", 0, NULL), there = mounted || errno == EBUSY;

	if (mounted && atexit(unmount_debugfs))
		km_fail("atexit");
	errno = 0;
	return there;
}

void km_mount_debugfs(void)
{
	if (!km_has_debugfs())
		km_absent("no debugfs in this kernel");
}

/* A header at the start of the first page, its signature at the end. */
void km_make_swap(const char *path, size_t size)
{
	size_t page_size = km_page_size();
	char *page = calloc(1, page_size);
	uint32_t *header = (uint32_t *)(page + 1024);
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		km_absent("no %s in this kernel", path);
	header[0] = 1;
	header[1] = size / page_size - 1;
	memcpy(page + page_size - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, page, page_size, 0) != (ssize_t)page_size || fsync(fd) || close(fd))
		km_fail("%s", path);
	free(page);
}

pid_t km_other(void *(*memory)(void), void **where)
{
	pid_t parent = getpid(), pid;
	void *made = NULL;
	int ready[2];

	if (pipe(ready))
		km_fail("pipe");
	pid = fork();
	if (pid < 0)
		km_fail("fork");
	if (!pid) {
		made = memory ? memory() : NULL;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ready[1], &made, sizeof(made)) != sizeof(made) || getppid() != parent)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &made, sizeof(made)) != sizeof(made) || made == MAP_FAILED)
		km_fail("the other process has no memory");
	close(ready[0]);
	if (where)
		*where = made;
	return pid;
}

void km_end_other(pid_t pid)
{
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		km_fail("waitpid");
}

int km_memfd(size_t size)
{
	int fd = memfd_create("kmatrix", MFD_CLOEXEC);

	if (fd < 0 && errno == ENOSYS)
		km_absent("no memfd_create() in this kernel");
	if (fd < 0 || ftruncate(fd, size))
		km_fail("a file of %zu bytes in memory", size);
	return fd;
}

/* Of each word of the page. Word by word: some emulators take a long instruction a byte at a time. */
static uint64_t alike(size_t page, size_t different)
{
	return (page % different + 1) * 0x0101010101010101;
}

void km_fill_alike(void *p, size_t pages, size_t different)
{
	size_t words = km_page_size() / sizeof(uint64_t);

	for (size_t i = 0; i < pages; i++)
		for (size_t n = 0; n < words; n++)
			((volatile uint64_t *)p)[i * words + n] = alike(i, different);
}

void km_check_alike(const void *p, size_t pages, size_t different, size_t set)
{
	size_t words = km_page_size() / sizeof(uint64_t);

	for (size_t i = 0; i < pages; i++) {
		const uint64_t *page = (const uint64_t *)p + i * words;
		uint64_t word = alike(i, different), first = word, wrong;

		if (i < set)
			*(unsigned char *)&first = 0xff;
		wrong = page[0] ^ first;
		for (size_t n = 1; n < words; n++)
			wrong |= page[n] ^ word;
		if (wrong)
			km_fail("page %zu does not hold what was written", i);
	}
}

long km_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

void km_check_populated(void *p, size_t pages)
{
	size_t page_size = km_page_size();
	long before = km_faults();

	for (size_t i = 0; i < pages; i++) {
		volatile uint64_t *page = (uint64_t *)((char *)p + i * page_size);

		if (*page)
			km_fail("page %zu is not zero", i);
		*(volatile unsigned char *)page = 1;
	}
	if (km_faults() != before)
		km_fail("writing to populated memory took %ld faults", km_faults() - before);
}

void km_batch(void)
{
	struct sched_param none = { 0 };

	if (sched_setscheduler(0, SCHED_BATCH, &none))
		km_fail("SCHED_BATCH");
}
