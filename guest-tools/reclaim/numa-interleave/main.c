// SPDX-License-Identifier: GPL-2.0-or-later
/* interleave_nid() and alloc_page_interleave(): faults of a mapping with MPOL_INTERLEAVE. */
#include "../numa.h"

#define PAGES 4096

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;

	km_start(argc, argv);
	need_two_nodes();
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		void **all = addresses(p, PAGES);
		int *status = calloc(PAGES, sizeof(*status));

		for (size_t i = 0; i < size; i += KM_TABLE)	/* page tables */
			p[i] = 1;
		if (madvise(p, size, MADV_DONTNEED))
			km_fail("madvise(MADV_DONTNEED)");
		bind_memory(p, size, MPOL_INTERLEAVE, 3);
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			p[i * page_size] = i % 251 + 1;
		km_end(PAGES);
		if (!status || move(PAGES, all, NULL, status))
			km_fail("move_pages");
		for (size_t i = 1; i < PAGES; i++)
			if (status[i] < 0 || status[i] == status[i - 1] || p[i * page_size] != i % 251 + 1)
				km_fail("page %zu is on node %d, the one before on %d", i, status[i], status[i - 1]);
		free(status);
		free(all);
		munmap(p, size);
	}
	return km_finish();
}
