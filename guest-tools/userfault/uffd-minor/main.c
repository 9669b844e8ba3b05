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
	int fd = memfd_create("uffd-minor", 0);
	unsigned char *filled;
	size_t size;

	km_start(argc, argv);
	uffd_set_up(HAS_MINOR_SHMEM, "this kernel has no minor faults of userfaultfd in shmem");
	size = PAGES * page_size;
	if (fd < 0 || ftruncate(fd, size))
		km_fail("memfd of %zu bytes", size);
	filled = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (filled == MAP_FAILED)
		km_fail("mmap of %zu bytes", size);
	fill(filled, PAGES);
	start_server();
	while (km_pass()) {
		unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		unsigned long before = answered;
		uint64_t sum = 0, expected = 0;

		if (p == MAP_FAILED)
			km_fail("mmap of %zu bytes", size);
		watch(p, size, REGISTER_MINOR);
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			sum += *(volatile uint64_t *)(p + i * page_size);
		km_end(PAGES);
		for (size_t i = 0; i < PAGES; i++)
			expected += content(i);
		if (sum != expected)
			km_fail("what was read is not what the file holds");
		check_answered(before, PAGES);
		munmap(p, size);
	}
	return km_finish();
}
