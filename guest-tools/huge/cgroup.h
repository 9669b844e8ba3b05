/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hugetlb controller of either version of cgroups: the same steps, other files. */
#include "common.h"

#define CGROUPS "/tmp/cg"
#define PAGES 8
#define LIMIT 4	/* pages */
#define OFFLINE 100000	/* us until a removed group is offline: RCU, and a worker */

/* What files are called after "hugetlb.2MB."; of version 2, some are not there. */
struct names {
	const char *limit, *rsvd_limit, *usage, *rsvd_usage, *max_usage, *failcnt, *rsvd_failcnt, *events, *local;
	const char *numa, *no_limit;
};

static size_t huge;
static char prefix[64];
static char *area;

static const char *path_of(const char *group, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s%s", group, prefix, name);
	return path;
}

static long pages_in(const char *group, const char *name)
{
	long bytes = number_of(path_of(group, name));

	return bytes < 0 ? bytes : bytes / (long)huge;
}

static void cgroup_unmount(void)
{
	km_put_number(CGROUPS "/cgroup.procs", getpid());
	umount2(CGROUPS, MNT_DETACH);
	rmdir(CGROUPS);
}

static void cgroup_mount(const char *type, const char *options)
{
	huge = km_hugetlb_pool(PAGES);
	area = room(PAGES * huge, huge);
	if (mkdir(CGROUPS, 0700) && errno != EEXIST)
		km_fail(CGROUPS);
	if (mount("none", CGROUPS, type, 0, options))
		km_absent("no cgroups (%s) with hugetlb in this kernel", type);
	if (atexit(cgroup_unmount))
		km_fail("atexit");
	snprintf(prefix, sizeof(prefix), "hugetlb.%zu%cB.", huge >> 20 ? huge >> 20 : huge >> 10,
		 huge >> 20 ? 'M' : 'K');
	errno = 0;
}

static void read_all(const char *group, const struct names *n)
{
	const char *const files[] = { n->limit, n->rsvd_limit, n->usage, n->rsvd_usage, n->max_usage, n->failcnt,
				      n->rsvd_failcnt, n->events, n->local, n->numa };
	char text[256];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i])
			must(km_text(path_of(group, files[i]), text, sizeof(text)) > 0);
}

static void reset(const char *group, const char *name)
{
	if (name)
		must(km_put(path_of(group, name), "0") && !number_of(path_of(group, name)));
}

/* To be in the group before the region: joining waits for RCU, and that wait would hide what the region costs. */
static void enter(const char *group, const struct names *n)
{
	char all[128];

	must(!mkdir(group, 0700));
	must(km_put_number(path_of(group, n->limit), LIMIT * huge) && pages_in(group, n->limit) == LIMIT);
	must(km_put_number(path_of(group, n->rsvd_limit), (LIMIT + 1) * huge));
	snprintf(all, sizeof(all), "%s/cgroup.procs", group);
	must(km_put_number(all, getpid()));
	errno = 0;
}

/* Charged by faults, by fallocate(), by promises; refused above the limits; a group is made and removed. */
static int steps(const char *group, const char *empty, const struct names *n)
{
	int fd;

	/* Private, promised, of which some are taken; a part is unmapped. */
	km_map(area, LIMIT * huge, RW, ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1);
	must(pages_in(group, n->rsvd_usage) == LIMIT && !pages_in(group, n->usage));
	area[0] = area[huge] = area[3 * huge] = 1;
	must(pages_in(group, n->usage) == 3);
	must(mmap(NULL, 2 * huge, RW, ANONYMOUS | MAP_HUGETLB, -1, 0) == MAP_FAILED);
	must(!munmap(area + huge, huge) && pages_in(group, n->usage) == 2);
	must(!munmap(area, huge) && !munmap(area + 2 * huge, 2 * huge));
	must(!pages_in(group, n->usage) && !pages_in(group, n->rsvd_usage));
	/* A file: promised, filled, with a hole, and more than there may be. */
	fd = memfd_create("huge", MFD_HUGETLB);
	must(fd >= 0 && !ftruncate(fd, PAGES * huge));
	km_map(area, 2 * huge, RW, MAP_SHARED | MAP_HUGETLB | MAP_FIXED, fd);
	area[0] = 1;
	must(pages_in(group, n->rsvd_usage) == 2 && pages_in(group, n->usage) == 1);
	must(!fallocate(fd, 0, huge, 3 * huge) && pages_in(group, n->usage) == 4);
	must(fallocate(fd, 0, 4 * huge, huge) && pages_in(group, n->usage) == 4);
	must(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, huge, huge));
	must(pages_in(group, n->usage) == 3);
	read_all(group, n);
	reset(group, n->failcnt);
	reset(group, n->rsvd_failcnt);
	must(km_put(path_of(group, n->limit), n->no_limit));
	must(!mkdir(empty, 0700));
	read_all(empty, n);
	must(!rmdir(empty));
	return fd;
}

/* The file stays, its group does not: the charges go to the parent. */
static void leave(const char *group, int fd)
{
	must(km_put_number(CGROUPS "/cgroup.procs", getpid()));
	must(!rmdir(group));
	usleep(OFFLINE);
	must(!munmap(area, 2 * huge) && !ftruncate(fd, 0));
	close(fd);
	errno = 0;
}

static int measure(const struct names *n)
{
	while (km_pass()) {
		int fd;

		enter(CGROUPS "/up/group", n);
		km_begin();
		fd = steps(CGROUPS "/up/group", CGROUPS "/up/empty", n);
		km_end(1);
		leave(CGROUPS "/up/group", fd);
		check_pool(PAGES);
		if (pages_in(CGROUPS "/up", n->usage))
			km_fail("%ld pages are charged still", pages_in(CGROUPS "/up", n->usage));
		close_room(area, PAGES * huge);
		sleep(1);	/* the group is freed */
	}
	rmdir(CGROUPS "/up");
	errno = 0;
	return km_finish();
}
