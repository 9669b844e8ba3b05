// SPDX-License-Identifier: GPL-2.0-or-later
/* Faults on missing pages, which another thread answers by UFFDIO_COPY: do_anonymous_page(), handle_userfault(). */
#define SERVED
#include "../common.h"

#define PAGES 1536

static unsigned char *from, *watched;

static void answer(uint64_t page)
{
	struct uffd_copy copy = { page, (uintptr_t)from + (page - (uintptr_t)watched), page_size, 0, 0 };

	if (ioctl(uffd, DO_COPY, &copy))
		km_fail("UFFDIO_COPY");
}

int main(int argc, char **argv)
{
	size_t size;

	km_start(argc, argv);
	uffd_set_up(0, "");
	size = PAGES * page_size;
	from = anonymous(size);
	fill(from, PAGES);
	start_server();
	while (km_pass()) {
		unsigned long before = answered;
		uint64_t sum = 0, expected = 0;

		watched = anonymous(size);
		watch(watched, size, REGISTER_MISSING);
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			sum += *(volatile uint64_t *)(watched + i * page_size);
		km_end(PAGES);
		for (size_t i = 0; i < PAGES; i++)
			expected += content(i);
		if (sum != expected)
			km_fail("what was read is not what was copied");
		check(watched, PAGES);
		check_answered(before, PAGES);
		km_wipe(watched, size, page_size);
		munmap(watched, size);
	}
	return km_finish();
}
