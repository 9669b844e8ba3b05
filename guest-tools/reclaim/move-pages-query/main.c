// SPDX-License-Identifier: GPL-2.0-or-later
/* do_pages_stat() and follow_page(): move_pages() without nodes tells where pages are. */
#include "../numa.h"

#define PAGES 4096

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;
	int *status = calloc(PAGES, sizeof(*status));
	unsigned char *p;
	void **all;

	km_start(argc, argv);
	if (!status)
		km_fail("memory");
	p = km_anonymous(size);	/* not before km_start(), which makes all pages be there */
	all = addresses(p, PAGES);
	for (size_t i = 0; i < PAGES; i += 2)
		p[i * page_size] = 1;
	if (move(1, all, NULL, status)) {
		if (errno == ENOSYS)
			km_absent("no move_pages() in this kernel");
		km_fail("move_pages");
	}
	while (km_pass()) {
		long failed;

		memset(status, 0x7f, PAGES * sizeof(*status));
		km_begin();
		failed = move(PAGES, all, NULL, status);
		km_end(PAGES);
		if (failed)
			km_fail("move_pages");
		for (size_t i = 0; i < PAGES; i++)
			if (i % 2 ? status[i] != -ENOENT && status[i] != -EFAULT : status[i] < 0 || status[i] > 1)
				km_fail("page %zu is said to be on node %d", i, status[i]);
	}
	return km_finish();
}
