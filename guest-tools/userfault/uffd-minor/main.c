// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Faults on pages that are in the page cache of shmem and not mapped, which another thread answers by UFFDIO_CONTINUE:
 * shmem_get_folio() for a minor fault, handle_userfault(), mcontinue_atomic_pte().
 */
#define SERVED
#include "../common.h"

#define PAGES 1536

static void answer(uint64_t page)
{
	struct uffd_zeropage go_on = { { page, page_size }, 0, 0 };

	if (ioctl(uffd, DO_CONTINUE, &go_on))
		km_fail("UFFDIO_CONTINUE");
}

int main(int argc, char **argv)
{
	unsigned char *p;
	size_t size;
	int fd;

	km_start(argc, argv);
	uffd_set_up(HAS_MINOR_SHMEM, "this kernel has no minor faults of userfaultfd in shmem");
	size = PAGES * page_size;
	fd = km_memfd(size);
	km_fill(km_map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd), PAGES);
	start_server();
	while (km_pass()) {
		p = km_map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
		watch(p, size, REGISTER_MINOR);
		measure_reads(p, PAGES);
		munmap(p, size);
	}
	return km_finish();
}
