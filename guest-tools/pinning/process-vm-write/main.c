// SPDX-License-Identifier: GPL-2.0-or-later
/* Another process's memory is written, pages that it has not touched yet: pin_user_pages_remote(), faultin_page(). */
#include "../common.h"

#define PAGES 3072
#define PAGES_A_CALL 64

static int shared;
static size_t size;

static void *map_shared(void)
{
	return km_map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, shared);
}

int main(int argc, char **argv)
{
	unsigned char *theirs, *from, *seen;
	size_t page_size = km_page_size(), step = PAGES_A_CALL * page_size;
	pid_t other;

	size = PAGES * page_size;
	shared = km_memfd(size);
	other = km_other(map_shared, (void **)&theirs);
	km_start(argc, argv);
	seen = map_shared();
	from = km_anonymous(size);
	km_fill(from, PAGES);
	if (process_vm_writev(other, NULL, 0, NULL, 0, 0) && errno == ENOSYS)
		km_absent("this kernel has no process_vm_writev()");
	while (km_pass()) {
		if (ftruncate(shared, 0) || ftruncate(shared, size))	/* no page of it is there */
			km_fail("ftruncate");
		km_begin();
		for (size_t i = 0; i < size; i += step) {
			struct iovec here = { from + i, step }, there = { theirs + i, step };

			if (process_vm_writev(other, &here, 1, &there, 1, 0) != (ssize_t)step)
				km_fail("process_vm_writev: not all was written");
		}
		km_end(PAGES);
		km_check(seen, PAGES);
		km_wipe(seen, size, page_size);
	}
	km_end_other(other);
	return km_finish();
}
