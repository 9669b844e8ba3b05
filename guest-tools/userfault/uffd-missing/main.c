// SPDX-License-Identifier: GPL-2.0-or-later
/* Faults on missing pages, which another thread answers by UFFDIO_COPY: do_anonymous_page(), handle_userfault(). */
#define SERVED
#include "../common.h"

#define PAGES 1536

static unsigned char *from, *watched;

static void answer(uint64_t page)
{
	copy_page(page, (uintptr_t)from + (page - (uintptr_t)watched));
}

int main(int argc, char **argv)
{
	size_t size;

	km_start(argc, argv);
	uffd_set_up(0, "");
	size = PAGES * page_size;
	from = filled(PAGES);
	start_server();
	while (km_pass()) {
		watched = km_anonymous(size);
		watch(watched, size, REGISTER_MISSING);
		measure_reads(watched, PAGES);
		km_check(watched, PAGES);
		km_wipe(watched, size, page_size);
		munmap(watched, size);
	}
	return km_finish();
}
