// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What becomes of transparent huge pages: the huge zero page, copy_huge_pmd(), do_huge_pmd_wp_page(),
 * change_huge_pmd(), move_huge_pmd(), madvise_free_huge_pmd(), follow_trans_huge_pmd(), zap_huge_pmd() of a file,
 * splits of all kinds, also by debugfs, and the shrinkers of what waits for being split and of the huge zero page.
 */
#include "../common.h"

#define SPLIT KM_DEBUGFS "split_huge_pages"
#define HERE "/tmp/thp"
#define SWAP_PAGES 2000

#ifndef MADV_PAGEOUT
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif

static size_t huge, page_size;
static char *area, *other;	/* each of 4 huge pages */
static int memory;
static bool can_split;

/* All steps start with memory of its own, and leave none. */
static void fresh(int pages)
{
	km_map(area, pages * huge, RW, ANONYMOUS | MAP_FIXED, -1);
	must(!madvise(area, pages * huge, MADV_HUGEPAGE));
}

static void gone(char *p)
{
	close_room(p, 4 * huge);
}

static void zero_page(void)
{
	int status;
	pid_t pid;

	fresh(3);
	for (int i = 0; i < 3; i++)
		must(!((volatile char *)area)[i * huge]);
	pid = fork();
	must(pid >= 0);
	if (!pid)
		_exit(((volatile char *)area)[huge]);
	must(waitpid(pid, &status, 0) == pid && !status);
	must(!mprotect(area, huge, PROT_READ) && !mprotect(area, huge, RW));
	must(mremap(area + huge, huge, huge, MREMAP_MAYMOVE | MREMAP_FIXED, other) == other);
	area[0] = 1;	/* no longer the zero page */
	must(!munmap(area + 2 * huge, page_size));	/* a part of it is gone */
	must(!other[0] && area[0] == 1);
	gone(area);
	gone(other);
}

static void fork_and_write(void)
{
	struct child child;

	fresh(2);
	area[0] = area[huge] = 7;
	child = fork_child();
	if (!child.pid) {
		area[huge] = 9;	/* shared with the parent: split, and a small page is copied */
		end_when_told(child, area[0] == 7 && area[huge] == 9);
	}
	area[0] = 8;
	end_child(child);
	area[huge] = 8;	/* ours alone again */
	must(area[0] == 8 && area[huge] == 8);
	gone(area);
}

static void protect_and_move(void)
{
	char byte = 0, back = 5;
	void *where = area;
	bool forced;
	int status = 0;

	fresh(3);
	area[0] = 1;
	area[huge] = 2;
	area[2 * huge] = 3;
	must(!mprotect(area, 2 * huge, PROT_NONE) && !mprotect(area, 2 * huge, PROT_READ));
	forced = pwrite(memory, &back, 1, (uintptr_t)area + 9) == 1;	/* a page of our own for it */
	must(forced || errno == EIO);	/* since Linux 6.12 a config may allow it to debuggers alone */
	must(!mprotect(area, 2 * huge, RW) && area[9] == (forced ? back : 0));
	must(pread(memory, &byte, 1, (uintptr_t)area + huge) == 1 && byte == 2);
	must(!syscall(SYS_move_pages, 0, 1, &where, NULL, &status, 0) || errno == ENOSYS);
	must(!mlock(area, 2 * huge) && !munlock(area, 2 * huge));
	must(mremap(area, 2 * huge, 2 * huge, MREMAP_MAYMOVE | MREMAP_FIXED, other) == other);
	must(other[0] == 1 && other[huge] == 2);
	must(!mprotect(other + huge, page_size, PROT_READ));	/* a part of one: its table is made */
	must(mremap(area + 2 * huge, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED, other + 3 * huge));
	must(other[3 * huge] == 3);
	gone(other);
	gone(area);
}

static void advise(void)
{
	fresh(4);
	for (int i = 0; i < 4; i++)
		area[i * huge] = i + 1;
	must(!madvise(area, huge, MADV_COLD));
	must(!madvise(area + 3 * huge, page_size, MADV_COLD));
	must(!madvise(area + huge, huge, MADV_FREE));
	must(!madvise(area + 2 * huge + page_size, page_size, MADV_FREE));
	must(area[0] == 1 && area[huge] == 2 && area[2 * huge] == 3);
	must(!madvise(area, huge, MADV_DONTNEED));
	must(!madvise(area + 3 * huge, huge, MADV_PAGEOUT));
	must(area[3 * huge] == 4);
	gone(area);
}

/* A part is given back: the rest waits to be split, which a shrinker does. Nobody uses the huge zero page now. */
static void shrinkers(void)
{
	fresh(2);
	area[0] = area[huge] = 1;
	must(!madvise(area, huge / 2, MADV_DONTNEED));
	must(!madvise(area + huge + page_size, huge / 2, MADV_DONTNEED));
	must(km_put("/proc/sys/vm/drop_caches", "2"));
	must(!area[0] && area[huge] == 1);
	gone(area);
}

/* Of a file: written, mapped by a process, moved, with a hole. */
static void file(void)
{
	char text[128];
	int fd = open(HERE "/file", O_RDWR | O_CREAT, 0600);

	must(fd >= 0 && !ftruncate(fd, 2 * huge));
	km_map(area, 2 * huge, RW, MAP_SHARED | MAP_FIXED, fd);
	for (int i = 0; i < 2; i++)
		area[i * huge] = i + 1;
	must(!mprotect(area, huge, PROT_READ) && !mprotect(area, huge, RW));
	must(mremap(area, huge, huge, MREMAP_MAYMOVE | MREMAP_FIXED, other) == other && other[0] == 1);
	must(!madvise(other, huge, MADV_DONTNEED) && other[0] == 1);
	must(!mprotect(other, page_size, PROT_READ));
	must(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, huge + page_size, page_size));
	must(area[huge] == 2);
	gone(area);
	gone(other);
	if (can_split) {
		snprintf(text, sizeof(text), HERE "/file,0x0,0x%zx", 2 * huge / page_size);
		must(km_put(SPLIT, text));
	}
	must(!ftruncate(fd, huge + page_size) && !ftruncate(fd, 0));
	close(fd);
	must(!unlink(HERE "/file"));
}

static void split_by_debugfs(void)
{
	char text[128];

	if (!can_split)
		return;
	fresh(2);
	for (int i = 0; i < 2; i++)
		area[i * huge] = i + 1;
	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(), (uintptr_t)area, (uintptr_t)(area + huge));
	must(km_put(SPLIT, text));
	must(area[0] == 1 && area[huge] == 2);
	gone(area);
}

static void prepare(void)
{
	huge = km_thp_size();
	page_size = km_page_size();
	memory = open("/proc/self/mem", O_RDWR);
	must(memory >= 0);
	area = room(4 * huge, huge);
	other = room(4 * huge, huge);
	if (mkdir(HERE, 0700) && errno != EEXIST)
		km_fail(HERE);
	if (mount("none", HERE, "tmpfs", 0, "huge=always"))
		km_absent("tmpfs of this kernel has no huge pages");
	can_split = km_has_debugfs() && !access(SPLIT, W_OK);
	errno = 0;
	swap_to_zram(SWAP_PAGES);
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	prepare();
	while (km_pass()) {
		km_begin();
		zero_page();
		fork_and_write();
		protect_and_move();
		advise();
		file();
		split_by_debugfs();
		shrinkers();
		km_end(1);
		errno = 0;
		km_check_smaps(area, 4 * huge, "Rss", 0);
	}
	umount2(HERE, MNT_DETACH);
	rmdir(HERE);
	errno = 0;
	return km_finish();
}
