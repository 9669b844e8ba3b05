// SPDX-License-Identifier: GPL-2.0-or-later
/* Another process's memory is read, pages that are there: pin_user_pages_remote(), follow_page_mask(). */
#include "../common.h"

#define PAGES 4096
#define PAGES_A_CALL 64

static size_t page_size, size;

static void *filled(void)
{
	void *p = km_anonymous(size);

	km_fill(p, PAGES);
	return p;
}

static void read_all(pid_t other, unsigned char *theirs, unsigned char *to)
{
	size_t step = PAGES_A_CALL * page_size;

	for (size_t i = 0; i < size; i += step) {
		struct iovec here = { to + i, step }, there = { theirs + i, step };

		if (process_vm_readv(other, &here, 1, &there, 1, 0) != (ssize_t)step)
			km_fail("process_vm_readv: not all was read");
	}
}

int main(int argc, char **argv)
{
	unsigned char *theirs, *to;
	pid_t other;

	page_size = km_page_size();
	size = PAGES * page_size;
	other = km_other(filled, (void **)&theirs);
	km_start(argc, argv);
	to = km_anonymous(size);
	if (process_vm_readv(other, NULL, 0, NULL, 0, 0) && errno == ENOSYS)
		km_absent("this kernel has no process_vm_readv()");
	for (int i = 0; i < 2; i++)	/* the first looks at a page make it referenced, then active */
		read_all(other, theirs, to);
	while (km_pass()) {
		for (size_t i = 0; i < size; i += sizeof(long))
			*(volatile long *)(to + i) = 0;
		km_begin();
		read_all(other, theirs, to);
		km_end(PAGES);
		km_check(to, PAGES);
	}
	km_end_other(other);
	return km_finish();
}
