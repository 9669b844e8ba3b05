// SPDX-License-Identifier: GPL-2.0-or-later
/* memfd_create(), memfd_add_seals(), memfd_wait_for_pins(), memfd_get_seals(), and where shmem and hugetlbfs heed seals. */
#include "../common.h"

#define ROUNDS 120
#define PAGES 16
#define HUGE_PAGES 4

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

static size_t huge;

static void tmpfs_seals(void)
{
	size_t size = PAGES * page_size;
	int fd = memfd_create("seals", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	char *p;

	must(fd >= 0 && !ftruncate(fd, size) && fcntl(fd, F_GET_SEALS) == 0);
	p = km_map(NULL, size, RW, MAP_SHARED, fd);
	km_fill(p, PAGES);
	refused(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);	/* it is mapped to be written to */
	must(!fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	refused((long)mmap(NULL, size, RW, MAP_SHARED, fd, 0), EPERM);
	km_fill(p, PAGES);
	must(!munmap(p, size));
	p = km_map(NULL, size, PROT_READ, MAP_SHARED, fd);
	must(!km_unlike(p, PAGES));
	refused(mprotect(p, size, RW), EACCES);
	must(!munmap(p, size));
	must(!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));	/* looks for pages that somebody has pinned */
	refused(pwrite(fd, "x", 1, 0), EPERM);
	refused(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, page_size), EPERM);
	must(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) && !ftruncate(fd, 2 * size));
	refused(ftruncate(fd, size), EPERM);
	must(!fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	refused(ftruncate(fd, 4 * size), EPERM);
	refused(fallocate(fd, 0, 2 * size, size), EPERM);
	must(!fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	refused(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	must(fcntl(fd, F_GET_SEALS) == (F_SEAL_SEAL | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
	must(!close(fd));
}

static void hugetlb_seals(void)
{
	size_t size = HUGE_PAGES * huge;
	int fd = memfd_create("huge seals", MFD_ALLOW_SEALING | MFD_HUGETLB);
	char *p;

	must(fd >= 0 && !ftruncate(fd, size));
	p = km_map(NULL, huge, RW, MAP_SHARED, fd);
	*(volatile char *)p = 1;
	must(!munmap(p, huge));
	must(!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK));
	refused((long)mmap(NULL, huge, RW, MAP_SHARED, fd, 0), EPERM);
	refused(ftruncate(fd, huge), EPERM);
	refused(ftruncate(fd, 2 * size), EPERM);
	refused(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, huge), EPERM);
	p = km_map(NULL, huge, PROT_READ, MAP_PRIVATE, fd);
	must(*(volatile char *)p == 1 && !munmap(p, huge) && !close(fd));
}

int main(int argc, char **argv)
{
	begin_program(argc, argv);
	huge = huge_pool(HUGE_PAGES);
	if (!huge)
		km_note("no hugetlb here: memfd files of tmpfs only");
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			tmpfs_seals();
			refused(syscall(SYS_memfd_create, "x", 0x8000u), EINVAL);
			if (huge && i % 15 == 0)
				hugetlb_seals();
		}
		km_end(ROUNDS);
	}
	return km_finish();
}
