// SPDX-License-Identifier: GPL-2.0-or-later
/* migrate_pages() between nodes: queue_pages_range() of mbind(MPOL_MF_MOVE), and do_pages_move(). */
#include "../numa.h"

#define PAGES 2048

int main(int argc, char **argv)
{
	size_t size = PAGES * km_page_size();
	int *nodes = calloc(PAGES, sizeof(*nodes)), *status = calloc(PAGES, sizeof(*status));

	km_start(argc, argv);
	need_two_nodes();
	if (!nodes || !status)
		km_fail("memory");
	memset(nodes, 0, PAGES * sizeof(*nodes));	/* node 0 */
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		void **all = addresses(p, PAGES);
		size_t wrong = 0;
		long failed;

		bind_memory(p, size, MPOL_BIND, 1);
		fill(p, PAGES);
		if (count_on(p, PAGES, 0) != PAGES)
			km_fail("pages are not on the node that they were bound to");
		memset(status, 0xff, PAGES * sizeof(*status));
		km_begin();
		failed = set_policy_of(p, size, MPOL_BIND, 2, MPOL_MF_MOVE | MPOL_MF_STRICT);
		for (size_t i = 0; i < PAGES; i += PAGES / 4)	/* a look at four of them: have they moved? */
			failed |= move(1, &all[i], NULL, &status[i]) || status[i] != 1;
		failed |= move(PAGES, all, nodes, status);
		km_end(2 * PAGES);
		if (failed)
			km_fail("mbind or move_pages");
		for (size_t i = 0; i < PAGES; i++)
			wrong += status[i] != 0;
		if (wrong || count_on(p, PAGES, 0) != PAGES)
			km_fail("%zu pages of %d are on node 0 again", count_on(p, PAGES, 0), PAGES);
		check_filled(p, PAGES);
		free(all);
		munmap(p, size);
	}
	return km_finish();
}
