// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files are added to an epoll set and deleted: ep_insert(), ep_ptable_queue_proc(), two slab objects each,
 * ep_remove().
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "../common.h"

#define FILES 1024	/* numbers of one file: the set is sorted by the addresses of files first */
#define HELD 512	/* in another set, so that the objects of a region come out of new slabs */

static struct epoll_event events[FILES];
static int fds[FILES];

static int add(int set, size_t count)
{
	struct epoll_event event = { .events = EPOLLIN };
	int wrong = 0;

	for (size_t i = 0; i < count; i++) {
		event.data.u64 = i + 1;
		wrong |= epoll_ctl(set, EPOLL_CTL_ADD, fds[i], &event);
	}
	return wrong;
}

static void add_and_delete(int set)
{
	int wrong = 0;

	if (add(set, FILES) || epoll_wait(set, events, FILES, 0) != FILES)
		km_fail("not all files were added");
	for (size_t i = 0; i < FILES; i++)
		wrong |= epoll_ctl(set, EPOLL_CTL_DEL, fds[i], NULL);
	if (wrong)
		km_fail("not all files were deleted");
}

static void check_events(int set)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < FILES; i++)
		sum += events[i].data.u64;
	if (sum != FILES * (FILES + 1ull) / 2)
		km_fail("epoll_wait() did not tell of each file once");
	if (epoll_wait(set, events, FILES, 0))
		km_fail("a file that was deleted is told of");
}

static void open_files(void)
{
	int one = eventfd(1, 0);

	allow_files();
	for (size_t i = 0; i < FILES; i++) {
		fds[i] = dup(one);
		if (fds[i] < 0)
			km_fail("eventfd");
	}
}

int main(int argc, char **argv)
{
	int set, other;

	km_start(argc, argv);
	set = epoll_create1(0);
	if (set < 0 && errno == ENOSYS)
		km_absent("this kernel has no epoll");
	open_files();
	while (km_pass()) {
		other = epoll_create1(0);
		if (other < 0 || add(other, HELD))
			km_fail("another set");
		memset(events, 0, sizeof(events));
		km_begin();
		add_and_delete(set);
		km_end(FILES);
		check_events(set);
		close(other);
	}
	return km_finish();
}
