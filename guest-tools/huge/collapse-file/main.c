// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes huge pages of a file's small ones by MADV_COLLAPSE, where the file is mapped several times: collapse_file(),
 * retract_page_tables(), collapse_pte_mapped_thp(); then of one on ext4 that is read only (and whose place is looked
 * for by thp_get_unmapped_area()).
 */
#include "../common.h"

#define HUGE_PAGES 3
#define HERE "/tmp/ram"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static size_t huge, page_size, size;
static char *maps[2];

static void check(const char *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += page_size)
		if ((unsigned char)p[i] != i / page_size % 251 + 1)
			km_fail("page %zu does not hold what was written", i / page_size);
}

/* By write(): no page of it is mapped. */
static void fill(int fd, size_t bytes)
{
	char page[page_size];

	for (size_t i = 0; i < bytes; i += page_size) {
		memset(page, i / page_size % 251 + 1, page_size);
		must(pwrite(fd, page, page_size, i) == (ssize_t)page_size);
	}
}

static void on_disk(void)
{
	int fd = open(HERE "/program", O_RDONLY);
	char *p;

	must(fd >= 0);
	p = mmap(NULL, huge, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	must(p != MAP_FAILED);
	check(p, huge);
	if (!((uintptr_t)p % huge))
		must(!madvise(p, huge, MADV_COLLAPSE) || errno == EINVAL);	/* EINVAL: not of files on disks */
	check(p, huge);
	must(!munmap(p, huge));
	close(fd);
	fd = open(HERE "/program", O_RDWR);	/* what it is made of is small again */
	must(fd >= 0);
	close(fd);
}

int main(int argc, char **argv)
{
	int program;

	km_start(argc, argv);
	huge = thp_size();
	page_size = sysconf(_SC_PAGESIZE);
	if (madvise((void *)page_size, 0, MADV_COLLAPSE))
		km_absent("this kernel has no madvise(MADV_COLLAPSE)");
	size = HUGE_PAGES * huge;
	km_mount_ram(HERE);
	program = open(HERE "/program", O_RDWR | O_CREAT, 0700);
	must(program >= 0);
	fill(program, huge);
	must(!fsync(program));
	close(program);
	for (int i = 0; i < 2; i++)
		maps[i] = room(size, huge);
	while (km_pass()) {
		int fd = memfd_create("collapse", 0);

		must(fd >= 0 && !ftruncate(fd, size));
		fill(fd, size);
		for (int i = 0; i < 2; i++) {
			map_at(maps[i], size, RW, MAP_SHARED | MAP_FIXED, fd);
			check(maps[i], size);
		}
		km_begin();
		for (int i = 0; i < 2; i++)
			must(!madvise(maps[i], size, MADV_COLLAPSE));
		on_disk();
		km_end(1);
		if (smaps(maps[0], size, "ShmemPmdMapped") != (long)(size >> 10))
			km_fail("%ld KiB are mapped as huge pages", smaps(maps[0], size, "ShmemPmdMapped"));
		for (int i = 0; i < 2; i++) {
			check(maps[i], size);
			close_room(maps[i], size);
		}
		close(fd);
		errno = 0;
	}
	return km_finish();
}
