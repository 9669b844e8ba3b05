// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * shmem_writepage() and shmem_swapin_folio(): shared memory to swap and back by faults, read(), swapoff() and hole
 * punching; and check_move_unevictable_folios() of a segment that was locked.
 */
#include <sys/ipc.h>
#include <sys/shm.h>

#include "../files.h"

#define PAGES 512

static size_t page_size;

static int out(unsigned char *p)
{
	return madvise(p, PAGES * page_size, MADV_PAGEOUT) || km_resident(p, PAGES) > PAGES / 8;
}

/* Locked when its pages come, so they are on the list of what cannot be reclaimed. */
static int locked_segment(void)
{
	int id = shmget(IPC_PRIVATE, PAGES * page_size, IPC_CREAT | 0600), failed;
	unsigned char *p = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

	if (p == (void *)-1)
		return 1;
	failed = !!shmctl(id, SHM_LOCK, NULL);
	touch(p, PAGES, page_size);
	drain_lru();
	failed += !!shmctl(id, SHM_UNLOCK, NULL);
	failed += out(p);
	failed += p[7 * page_size] != 8 && p[8 * page_size - page_size + 7] != 8;
	shmdt(p);
	failed += !!shmctl(id, IPC_RMID, NULL);
	return failed;
}

static int one_round(int fd, unsigned char *p, void *page)
{
	int failed = out(p);

	failed += !!touch_filled(p, PAGES, page_size);
	failed += out(p);
	for (size_t i = 0; i < PAGES; i++)
		failed += pread(fd, page, page_size, i * page_size) != (ssize_t)page_size ||
			  ((uint64_t *)page)[1] != word_of(i, 1);
	failed += !!touch_filled(p, PAGES, page_size);	/* mapped again */
	failed += out(p);
	failed += fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGES / 2 * page_size);
	failed += !!swapoff(RAM_DISK);
	failed += *(uint64_t *)(p + (PAGES - 1) * page_size + 8) != word_of(PAGES - 1, 1) || *(uint64_t *)(p + 8);
	failed += !!swapon(RAM_DISK, 0);
	failed += locked_segment();
	return failed;
}

int main(int argc, char **argv)
{
	unsigned char *p, *page;
	int fd;

	page_size = km_page_size();
	km_start(argc, argv);
	swap_to_disk();
	fd = memfd_create("swapped", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, PAGES * page_size))
		km_fail("memfd_create");
	p = km_map(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	page = km_anonymous(page_size);
	km_small_pages(p, PAGES * page_size);
	while (km_pass()) {
		fill(p, PAGES);
		drain_lru();
		km_begin();
		end_steps(1, one_round(fd, p, page));
	}
	return km_finish();
}
