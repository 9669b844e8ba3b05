// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory in pieces: a few huge pages more are asked for, then kcompactd compacts it unasked (proactive_compact_node(),
 * fragmentation_score_node()), and then a node's file does (compact_store()). Most memory is in the pool of huge pages,
 * so the pieces are a large part of what is left.
 */
#include "../common.h"

#include <sched.h>

#define LEFT ((size_t)176 << 20)	/* not in the pool */
#define PIECES ((size_t)72 << 20)	/* every other page of it is freed */
#define ASKED 10
#define YIELDS 500
#define PROACTIVE "/proc/sys/vm/compaction_proactiveness"
#define NODE "/sys/devices/system/node/node0/compact"

static size_t page_size, huge, size = PIECES;
static char *p;

static void in_pieces(void)
{
	p = km_anonymous(size);
	km_fill(p, size / page_size);
	for (size_t i = 0; i < size; i += 2 * page_size)
		must(!madvise(p + i, page_size, MADV_DONTNEED));
}

static void check(void)
{
	for (size_t i = page_size; i < size; i += 2 * page_size)
		if (*(uint64_t *)(p + i) != km_word(i / page_size))
			km_fail("page %zu does not hold what was written", i / page_size);
	must(!munmap(p, size));
}

int main(int argc, char **argv)
{
	long pool;

	km_start(argc, argv);
	page_size = km_page_size();
	huge = km_hugetlb_pool(0);
	if (access(PROACTIVE, W_OK))
		km_absent("this kernel has no " PROACTIVE);
	km_keep(PROACTIVE);
	must(km_put("/proc/sys/vm/drop_caches", "3"));
	pool = (km_number_in("/proc/meminfo", "MemFree") * 1024L - (long)LEFT) / (long)huge;
	if (pool < ASKED)
		km_absent("there is too little memory");
	while (km_pass()) {
		long long moved;
		long got;

		must(km_put_number(POOL, pool) && number_of(POOL) == pool);
		in_pieces();
		moved = km_count("pgmigrate_success");
		km_begin();
		must(km_put_number(POOL, pool + ASKED));
		got = number_of(POOL);
		must(km_put_number(PROACTIVE, 100));
		for (int i = 0; i < YIELDS; i++)	/* to kcompactd; a sleep would hide how long it takes */
			sched_yield();
		must(km_put_number(PROACTIVE, 0));
		must(km_put(NODE, "1") || errno == ENOENT);
		km_end(1);
		errno = 0;
		if (got <= pool || km_count("pgmigrate_success") == moved)
			km_fail("%ld huge pages came of %d, %lld pages were moved", got - pool, ASKED,
				km_count("pgmigrate_success") - moved);
		check();
		must(km_put_number(POOL, 0));
	}
	return km_finish();
}
