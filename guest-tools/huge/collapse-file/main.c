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

/* By write(): no page of it is mapped. */
static void fill(int fd, size_t bytes)
{
	uint64_t page[page_size / sizeof(uint64_t)];

	memset(page, 1, page_size);
	for (size_t i = 0; i < bytes / page_size; i++) {
		*page = km_word(i);
		must(pwrite(fd, page, page_size, i * page_size) == (ssize_t)page_size);
	}
}

static void on_disk(void)
{
	int fd = open(HERE "/program", O_RDONLY);
	char *p;

	must(fd >= 0);
	p = km_map(NULL, huge, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd);
	km_check(p, huge / page_size);
	if (!((uintptr_t)p % huge))
		must(!madvise(p, huge, MADV_COLLAPSE) || errno == EINVAL);	/* EINVAL: not of files on disks */
	km_check(p, huge / page_size);
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
	huge = km_thp_size();
	page_size = km_page_size();
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
			km_map(maps[i], size, RW, MAP_SHARED | MAP_FIXED, fd);
			km_check(maps[i], size / page_size);
		}
		km_begin();
		for (int i = 0; i < 2; i++)
			must(!madvise(maps[i], size, MADV_COLLAPSE));
		on_disk();
		km_end(1);
		km_check_smaps(maps[0], size, "ShmemPmdMapped", size);
		for (int i = 0; i < 2; i++) {
			km_check(maps[i], size / page_size);
			close_room(maps[i], size);
		}
		close(fd);
		errno = 0;
	}
	return km_finish();
}
