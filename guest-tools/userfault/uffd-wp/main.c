// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages are protected by UFFDIO_WRITEPROTECT, each is written to, and another thread takes the protection away:
 * mwriteprotect_range(), change_protection(), do_wp_page(), handle_userfault().
 */
#define SERVED
#include "../common.h"

#define PAGES 1536

static void protect(uint64_t page, uint64_t mode)
{
	struct uffd_protect change = { { page, page_size }, mode };

	if (ioctl(uffd, DO_PROTECT, &change))
		km_fail("UFFDIO_WRITEPROTECT");
}

static void answer(uint64_t page)
{
	protect(page, 0);
}

int main(int argc, char **argv)
{
	size_t size;

	km_start(argc, argv);
	uffd_set_up(HAS_WP, "this kernel has no write protection of userfaultfd");
	size = PAGES * page_size;
	start_server();
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		unsigned long before = answered;

		for (size_t i = 0; i < size; i += page_size)
			*(volatile uint64_t *)(p + i) = 1;
		watch(p, size, REGISTER_WP);
		km_begin();
		for (size_t i = 0; i < size; i += page_size)
			protect((uintptr_t)p + i, 1);
		for (size_t i = 0; i < PAGES; i++)
			*(volatile uint64_t *)(p + i * page_size) = km_word(i);
		km_end(PAGES);
		km_check(p, PAGES);
		check_answered(before, PAGES);
		km_wipe(p, size, page_size);
		munmap(p, size);
	}
	return km_finish();
}
