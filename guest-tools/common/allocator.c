// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page allocator refills the lists that each CPU keeps for itself in batches, a list for each type of page. How
 * full the lists are when a region starts decides how many refills fall into it, some microseconds each. So every
 * region starts with lists that have just been refilled. The same goes for nodes of files' trees, which come out of
 * slabs: a new one has just been made. Where a kernel has other lists, or does not tell of them, a note says so: then
 * the time of a region is known a little less well.
 */
#include "kmatrix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 8192	/* takes of a type: more than the CPU's list can hold */
#define APART 64	/* pages of a file between two that need a node of its tree each */
#define ORDERS 16	/* of free blocks; kernels have 11, or less */
#define FREED ((size_t)4 << 20)	/* bytes of pages, many times what the CPU's lists may hold */
#define MESSAGE 100000	/* bytes: the kernel takes blocks of 8 pages for them */
#define MESSAGES 3

#define COUNT (sizeof(lists) / sizeof(lists[0]))

static bool ready;
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

enum { RECLAIMABLE, MOVABLE, UNMOVABLE };

/*
 * In the order in which they are settled: taking pages needs nodes and page tables, too, so what comes later is not
 * disturbed by what came before. step: takes between two looks.
 */
static struct list {
	const char *type;
	void (*take)(size_t i);
	size_t step, taken;
	bool not_settled, no_new_slab;	/* left alone from then on: this kernel's cannot be */
} lists[] = {
	[RECLAIMABLE] = { "Reclaimable", take_reclaimable, 4, 0, false, false },	/* less than a page */
	[MOVABLE] = { "Movable", take_movable, 1, 0, false, false },
	[UNMOVABLE] = { "Unmovable", take_unmovable, 1, 0, false, false },
};

static void leave_alone(struct list *list, const char *why)
{
	if (!list->not_settled)
		km_note("the allocator's lists of %s pages could not be settled: %s", list->type, why);
	list->not_settled = true;
}

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
	leave_alone(list, "they are not refilled when pages are taken");
}

/* Pages of slabs that are reclaimable, what each CPU has counted for itself included; -1: not told. */
static long slab_pages(void)
{
	static const char name[] = "\nnr_slab_reclaimable ";
	static char text[16384];
	char *line;

	km_vmstat(text, sizeof(text));
	line = strstr(text, name);
	if (!line)
		return -1;
	return strtol(line + sizeof(name) - 1, NULL, 10);
}

/* Takes nodes one by one until they come out of a new slab. */
static void until_new_slab(struct list *list)
{
	long before = slab_pages();

	while (before >= 0 && list->taken < MOST) {
		list->take(list->taken++);
		if (slab_pages() != before)
			return;
	}
	if (before < 0)
		km_note("the slab of a file's nodes could not be settled: /proc/vmstat has no nr_slab_reclaimable");
	else
		km_note("the slab of a file's nodes could not be settled: %d were taken, and no new one was made", MOST);
	list->no_new_slab = true;
}

static char *room(size_t size, int flags)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_NOHUGEPAGE);	/* an error: the kernel has no huge pages */
	return p;
}

static void set_up(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	types_fd = open("/proc/pagetypeinfo", O_RDONLY);
	for (size_t i = 0; types_fd < 0 && i < COUNT; i++)
		leave_alone(&lists[i], "/proc/pagetypeinfo cannot be read");
	ready = true;
	apart = room(MOST * APART * page_size, MAP_SHARED);
	dense = room(MOST * page_size, MAP_PRIVATE);
	if (!apart) {
		leave_alone(&lists[RECLAIMABLE], "the address space is too small");
		lists[RECLAIMABLE].no_new_slab = true;
	}
	if (!dense)
		leave_alone(&lists[MOVABLE], "the address space is too small");
	if (pipe2(held, O_DIRECT | O_NONBLOCK) || fcntl(held[1], F_SETPIPE_SZ, MOST * page_size) < 0)
		leave_alone(&lists[UNMOVABLE], "a pipe cannot be that large");
}

/*
 * New pages wait, 15 or 31 on each CPU, to be put on the LRU lists together. How many wait decides which page of a region
 * puts them there first. MADV_FREE of anything does it; munmap() does, too, but since Linux 7 no longer.
 */
static void drain_batches(void)
{
	char *page = room(page_size, MAP_PRIVATE);

	if (!page || madvise(page, page_size, MADV_FREE))
		km_note("pages that wait for the LRU lists could not be put there");
	if (page)
		munmap(page, page_size);
}

/*
 * Since Linux 6.7 a refill is the larger the longer the last free was ago, and the smaller the fuller the CPU's other
 * lists are. So they are emptied first: a kernel since 6.0 does that when blocks of some pages are freed after many
 * single ones. Those are what a socket holds that nobody has read.
 */
static void empty_lists(void)
{
	static const char message[MESSAGE];
	const int room_for_all = MESSAGES * MESSAGE;
	char *pages = room(FREED, MAP_PRIVATE);
	int ends[2];

	if (!pages || socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) {
		km_note("the allocator's lists could not be emptied: %s", strerror(errno));
		return;
	}
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &room_for_all, sizeof(room_for_all));
	for (int i = 0; i < MESSAGES; i++)
		if (send(ends[0], message, MESSAGE, MSG_DONTWAIT) != MESSAGE)
			km_note("the allocator's lists could not be emptied: a socket does not take %d bytes", MESSAGE);
	for (size_t i = 0; i < FREED; i += page_size)
		((volatile char *)pages)[i] = 0;	/* as it was: nothing to be kept in a snapshot */
	madvise(pages, FREED, MADV_DONTNEED);
	close(ends[1]);
	close(ends[0]);
	munmap(pages, FREED);
}

void km_settle_allocator(void)
{
	if (!ready)
		set_up();
	empty_lists();
	for (size_t i = 0; i < COUNT; i++) {
		if (!lists[i].not_settled)
			until_refill(&lists[i]);
		if (i == RECLAIMABLE && !lists[i].no_new_slab)
			until_new_slab(&lists[i]);
	}
	drain_batches();
}

void km_release_pages(void)
{
	if (!ready)
		return;
	if (apart)
		munmap(apart, MOST * APART * page_size);
	if (dense)
		munmap(dense, MOST * page_size);
	close(held[0]);
	close(held[1]);
	if (types_fd >= 0)
		close(types_fd);
	for (size_t i = 0; i < COUNT; i++)
		lists[i].taken = 0;
	ready = false;
}
