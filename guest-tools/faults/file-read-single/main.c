// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads of pages that are in the page cache, each with a fault of its own: __do_fault(), shmem_fault(), finish_fault().
 * Only the setting of debugfs takes fault-around away; MADV_RANDOM does not.
 */
#include "../common.h"

#define PAGES 4096
#define AROUND KM_DEBUGFS "fault_around_bytes"

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;
	int fd;

	km_start(argc, argv);
	km_mount_debugfs();
	if (access(AROUND, F_OK))
		km_absent("this kernel has no fault_around_bytes in debugfs");
	km_keep(AROUND);
	km_write(AROUND, "%zu", page_size);
	fd = filled_memfd(size, page_size);
	while (km_pass())
		read_file(fd, PAGES, 1, page_size);
	close(fd);
	return km_finish();
}
