// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hugetlbfs with a size and a share of the pool, and what can be done to a file of it: hugepage_new_subpool(),
 * hugetlb_reserve_pages(), remove_inode_hugepages(), hugetlb_change_protection(), move_hugetlb_page_tables(),
 * copy_hugetlb_page_range(), follow_hugetlb_page(), huge_pmd_share(). Private mappings beside it: reserved or not, of
 * which one runs out of pages (unmap_ref_private()).
 */
#include "../common.h"

#define PAGES 12	/* the pool */
#define HERE "/tmp/hugetlbfs"
#define SHARED ((size_t)1 << 30)	/* what page tables must map to be shared */

static size_t huge;
static char *area, *other;	/* each of 8 pages */
static volatile char *wide;	/* two of SHARED; NULL: not enough address space */
static int memory;

static void mount_here(void)
{
	char options[64];

	snprintf(options, sizeof(options), "size=%zu,min_size=%zu", 8 * huge, 2 * huge);
	must(!mount("none", HERE, "hugetlbfs", 0, options));
}

/* fallocate(), holes and truncation: with and without being mapped. */
static void file_and_holes(int fd)
{
	unsigned char there;

	must(!ftruncate(fd, 8 * huge));
	must(!fallocate(fd, 0, 0, 3 * huge));
	km_map(area, 4 * huge, RW, MAP_SHARED | MAP_FIXED, fd);
	area[0] = 1;
	area[3 * huge] = 4;
	must(!mincore(area, km_page_size(), &there) && there & 1);
	must(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, huge, huge));
	must(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * huge + 4096, 4096));
	must(!madvise(area + 3 * huge, huge, MADV_REMOVE));
	must(area[0] == 1 && !area[3 * huge] && !area[huge]);
	must(!madvise(area, 2 * huge, MADV_DONTNEED));
	must(area[0] == 1);
	must(!ftruncate(fd, huge));
	must(!ftruncate(fd, 8 * huge));
	must(!munmap(area + 2 * huge, huge));
	must(!munmap(area, 2 * huge) && !munmap(area + 3 * huge, huge));
	must(!ftruncate(fd, 0));
}

/* Protection, moves, other ways to its memory; and read(), which hugetlbfs has and write(), which it has not. */
static void mapping(int fd)
{
	char byte = 0, back[16];
	void *where = area;
	int status = 0;

	must(!ftruncate(fd, 4 * huge));
	km_map(area, 2 * huge, RW, MAP_SHARED | MAP_FIXED, fd);
	must(!madvise(area, 2 * huge, MADV_POPULATE_WRITE) || errno == EINVAL);
	area[5] = 6;
	must(!mprotect(area, 2 * huge, PROT_NONE) && !mprotect(area, 2 * huge, PROT_READ));
	must(!mprotect(area, huge, RW) && !mprotect(area, 2 * huge, RW));
	must(!mlock(area, 2 * huge) && !munlock(area, 2 * huge));
	must(pread(memory, &byte, 1, (uintptr_t)area + 5) == 1 && byte == 6);
	must(!syscall(SYS_move_pages, 0, 1, &where, NULL, &status, 0) || errno == ENOSYS);
	must(status >= 0);
	must(mremap(area, huge, huge, MREMAP_MAYMOVE | MREMAP_FIXED, other) == other);	/* by now a VMA of its own */
	must(other[5] == 6);
	must(pread(fd, back, sizeof(back), 0) == sizeof(back) && back[5] == 6);
	must(pwrite(fd, back, sizeof(back), 0) == -1);
	must(!msync(other, huge, MS_SYNC) && !fsync(fd));
	must(!munmap(other, huge) && !munmap(area + huge, huge));
	km_map(area, 2 * huge, RW, MAP_SHARED | MAP_FIXED, fd);
	must(mremap(area, 2 * huge, huge, 0) == area && area[5] == 6);
	must(!munmap(area, huge));
	must(!ftruncate(fd, 0));
}

/* A child gets a private mapping; the page that the parent then writes is copied, until there is none left. */
static void private_and_fork(void)
{
	struct child child;

	km_map(area, 3 * huge, RW, ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1);
	km_map(other, 8 * huge, RW, ANONYMOUS | MAP_HUGETLB | MAP_FIXED | MAP_NORESERVE, -1);
	area[0] = area[huge] = 7;
	child = fork_child();
	if (!child.pid)
		end_when_told(child, area[0] == 7);
	area[0] = 8;	/* copied: the child has the other */
	for (int i = 0; i < 6; i++)
		other[i * huge] = 9;
	must(km_number_in("/proc/meminfo", "HugePages_Free") == 3);
	end_child(child);
	must(area[0] == 8 && area[huge] == 7);
	must(!munmap(area + huge, huge) && !munmap(area, huge) && !munmap(area + 2 * huge, huge));
	must(!munmap(other, 8 * huge));
}

/* The parent's page is promised to it: with the pool used up, the child loses its own. */
static void run_out(void)
{
	struct child child;
	int ready[2];
	char byte;

	km_map(area, huge, RW, ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1);
	area[0] = 7;
	must(!pipe(ready));
	child = fork_child();
	if (!child.pid)
		end_when_told(child, write(ready[1], "", 1) == 1);
	must(read(ready[0], &byte, 1) == 1);
	must(km_put_number(POOL, 1));	/* the one in use */
	area[0] = 8;
	must(area[0] == 8);
	end_child(child);
	close(ready[0]);
	close(ready[1]);
	must(!munmap(area, huge));
	must(km_put_number(POOL, PAGES));
}

/* Two mappings of a whole page of page tables. */
static void shared_tables(int fd)
{
	if (!wide)
		return;
	must(!ftruncate(fd, SHARED));
	for (int i = 0; i < 2; i++)
		km_map((char *)wide + i * SHARED, SHARED, RW, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd);
	wide[0] = 1;
	must(wide[SHARED] == 1);
	wide[SHARED + 3 * huge] = 4;
	must(wide[3 * huge] == 4);
	must(!mprotect((char *)wide, SHARED, PROT_READ));
	must(!munmap((char *)wide, SHARED) && !munmap((char *)wide + SHARED, SHARED));
	must(!ftruncate(fd, 0));
}

static void round_of_steps(void)
{
	struct stat stat;
	int fd;

	mount_here();
	fd = open(HERE "/file", O_RDWR | O_CREAT, 0600);
	must(fd >= 0);
	file_and_holes(fd);
	mapping(fd);
	shared_tables(fd);
	must(!fstat(fd, &stat) && !stat.st_size && !stat.st_blocks);
	must(!rename(HERE "/file", HERE "/name"));
	must(symlink("name", HERE "/link") || !unlink(HERE "/link"));	/* 6.1 refuses it: there is no write() */
	must(!unlink(HERE "/name"));
	close(fd);
	must(!umount2(HERE, 0));
	private_and_fork();
	run_out();
	errno = 0;
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	huge = km_hugetlb_pool(PAGES);
	if (mkdir(HERE, 0700) && errno != EEXIST)
		km_fail(HERE);
	memory = open("/proc/self/mem", O_RDWR);
	must(memory >= 0);
	area = room(8 * huge, huge);
	other = room(8 * huge, huge);
	wide = sizeof(long) == 8 ? room(2 * SHARED, SHARED) : NULL;
	while (km_pass()) {
		km_begin();
		round_of_steps();
		km_end(1);
		check_pool(PAGES);
		close_room(area, 8 * huge);
		close_room(other, 8 * huge);
		if (wide)
			close_room((char *)wide, 2 * SHARED);
	}
	rmdir(HERE);
	return km_finish();
}
