// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page allocator refills the lists that each CPU keeps for itself in batches, a list for each type of page. How
 * full the lists are when a region starts decides how many refills fall into it, some microseconds each. So every
 * region starts with lists that have just been refilled. The same goes for nodes of files' trees, which come out of
 * slabs: a new one has just been made.
 */
#include "kmatrix.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST 8192	/* takes of a type: more than the CPU's list can hold */
#define APART 64	/* pages of a file between two that need a node of its tree each */
#define ORDERS 16	/* of free blocks; kernels have 11, or less */

#define COUNT (sizeof(lists) / sizeof(lists[0]))

static int types_fd = -1;
static size_t page_size;
static char *apart, *dense;	/* mappings of the pages taken */
static int held[2] = { -1, -1 };	/* a pipe: its pages */

/* A page of a file far from the last one: most of it is a node of the file's tree, which is reclaimable. */
static void take_reclaimable(size_t i)
{
	apart[i * APART * page_size] = 1;
}

static void take_movable(size_t i)
{
	dense[i * page_size] = 1;
}

static void take_unmovable(size_t i)
{
	if (write(held[1], "", 1) != 1)
		km_fail("a pipe has no room for page %zu", i);
}

/*
 * In the order in which they are settled: taking pages needs nodes and page tables, too, so what comes later is not
 * disturbed by what came before. step: takes between two looks.
 */
static struct list {
	const char *type;
	void (*take)(size_t i);
	size_t step, taken;
} lists[] = {
	{ "Reclaimable", take_reclaimable, 4, 0 },	/* less than a page */
	{ "Movable", take_movable, 1, 0 },
	{ "Unmovable", take_unmovable, 1, 0 },
};

/* Free pages of a type that are on no CPU's list. A refill is the only thing that changes it here. */
static long free_pages(const char *type)
{
	static char text[65536];
	ssize_t got = pread(types_fd, text, sizeof(text) - 1, 0);
	long sum = 0;

	if (got <= 0)
		km_fail("/proc/pagetypeinfo");
	text[got] = 0;
	for (char *p = strstr(text, "type "); p; p = strstr(p, "type ")) {
		char name[32];
		int used = 0;
		long blocks;

		if (sscanf(p, "type %31s%n", name, &used) != 1 || strcmp(name, type)) {
			p += 5;
			continue;
		}
		p += used;
		for (int order = 0; order < ORDERS && sscanf(p, "%*[ ]%ld%n", &blocks, &used) == 1; order++) {
			sum += blocks << order;
			p += used;
		}
	}
	return sum;
}

/* Takes pages of a type until the list that they come from has just been refilled. */
static void until_refill(struct list *list)
{
	long before = free_pages(list->type);

	while (list->taken < MOST) {
		for (size_t n = 0; n < list->step; n++)
			list->take(list->taken++);
		if (free_pages(list->type) != before)
			return;
	}
	km_fail("%d pages of type %s were taken, and the allocator's list was not refilled", MOST, list->type);
}

/* Pages of slabs that are reclaimable, what each CPU has counted for itself included. */
static long slab_pages(void)
{
	static const char name[] = "\nnr_slab_reclaimable ";
	static char text[16384];
	char *line;

	km_vmstat(text, sizeof(text));
	line = strstr(text, name);
	if (!line)
		km_fail("/proc/vmstat has no%s", name);
	return strtol(line + sizeof(name) - 1, NULL, 10);
}

/* Takes nodes one by one until they come out of a new slab. */
static void until_new_slab(struct list *list)
{
	long before = slab_pages();

	while (list->taken < MOST) {
		list->take(list->taken++);
		if (slab_pages() != before)
			return;
	}
	km_fail("%d nodes were taken, and no new slab was made", MOST);
}

static char *room(size_t size, int flags)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

	if (p == MAP_FAILED)
		km_fail("pages to settle the allocator with");
	madvise(p, size, MADV_NOHUGEPAGE);	/* an error: the kernel has no huge pages */
	return p;
}

static void set_up(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	types_fd = open("/proc/pagetypeinfo", O_RDONLY);
	apart = room(MOST * APART * page_size, MAP_SHARED);
	dense = room(MOST * page_size, MAP_PRIVATE);
	if (pipe2(held, O_DIRECT | O_NONBLOCK) || fcntl(held[1], F_SETPIPE_SZ, MOST * page_size) < 0)
		km_fail("a pipe to settle the allocator with");
}

/* New pages wait, up to 15 on each CPU, to be put on the LRU lists together. Unmapping anything puts them there. */
static void drain_batches(void)
{
	munmap(room(page_size, MAP_PRIVATE), page_size);
}

void km_settle_allocator(void)
{
	if (types_fd < 0)
		set_up();
	for (size_t i = 0; i < COUNT; i++) {
		until_refill(&lists[i]);
		if (!i)
			until_new_slab(&lists[i]);
	}
	drain_batches();
}

void km_release_pages(void)
{
	if (types_fd < 0)
		return;
	munmap(apart, MOST * APART * page_size);
	munmap(dense, MOST * page_size);
	close(held[0]);
	close(held[1]);
	close(types_fd);
	for (size_t i = 0; i < COUNT; i++)
		lists[i].taken = 0;
	types_fd = -1;
}
