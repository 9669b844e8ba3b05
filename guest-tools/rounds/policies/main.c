// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mm/mempolicy.c as a whole: mpol_new(), mpol_set_nodemask(), mpol_relative_nodemask(), mpol_rebind_task() and _mm() by a
 * cpuset, shared_policy_replace(), do_migrate_pages(), queue_pages_hugetlb(), mpol_parse_str() and mpol_to_str(),
 * alloc_pages_preferred_many(); of mm/migrate.c unmap_and_move_huge_page().
 */
#include "../common.h"

#define ROUNDS 2
#define PAGES 32
#define HUGE_PAGES 2
#define AT "/tmp/mpol"
#define CGROUP "/tmp/mpol-cg"

enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL, PREFERRED_MANY };
#define STATIC_NODES (1 << 15)
#define RELATIVE_NODES (1 << 14)
#define NUMA_BALANCING (1 << 13)
#define F_NODE 1
#define F_ADDR 2
#define F_MEMS_ALLOWED 4
#define MF_STRICT 1
#define MF_MOVE 2
#define MF_MOVE_ALL 4
#define MOST 1025
#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

static unsigned long masks[16];	/* as many bits as the kernel may have */
static size_t huge;
static bool with_cpuset;

static unsigned long *mask(unsigned long nodes)
{
	masks[0] = nodes;
	return masks;
}

static long of_task(int mode, unsigned long nodes)
{
	return syscall(SYS_set_mempolicy, mode, nodes ? mask(nodes) : NULL, nodes ? MOST - 1 : 0);
}

static long of_range(char *p, size_t size, int mode, unsigned long nodes, unsigned int flags)
{
	return syscall(SYS_mbind, p, size, mode, nodes ? mask(nodes) : NULL, nodes ? MOST - 1 : 0, flags);
}

/* The mode, or the node with F_NODE. */
static int asked(void *p, unsigned long flags, unsigned long *nodes)
{
	static unsigned long got[16];
	int mode = -1;

	must(!syscall(SYS_get_mempolicy, &mode, nodes ? got : NULL, nodes ? MOST - 1 : 0, p, flags));
	if (nodes)
		*nodes = got[0];
	return mode;
}

static int node_of(char *p)
{
	return asked(p, F_NODE | F_ADDR, NULL);
}

static void task_modes(void)
{
	unsigned long nodes;
	char *p = anonymous(PAGES);

	must(!of_task(INTERLEAVE, 3) && asked(NULL, 0, &nodes) == INTERLEAVE && nodes == 3);
	must(asked(NULL, F_NODE, NULL) <= 1);
	km_fill(p, PAGES);
	must(node_of(p) != node_of(p + page_size));
	must(!of_task(BIND | STATIC_NODES, 2) && asked(NULL, 0, &nodes) == (BIND | STATIC_NODES) && nodes == 2);
	must(!madvise(p, PAGES * page_size, MADV_DONTNEED));
	km_fill(p, PAGES);
	must(node_of(p) == 1);
	must(!of_task(INTERLEAVE | RELATIVE_NODES, 6));
	must(!of_task(PREFERRED, 1) && asked(NULL, 0, &nodes) == PREFERRED && nodes == 1);
	must(!of_task(LOCAL, 0) && asked(NULL, 0, NULL) == LOCAL);
	if (of_task(PREFERRED_MANY, 2)) {
		must(errno == EINVAL);
	} else {
		must(!madvise(p, PAGES * page_size, MADV_DONTNEED));
		km_fill(p, PAGES);
		must(node_of(p) == 1);
	}
	refused(of_task(BIND, 0), EINVAL);
	refused(of_task(DEFAULT, 1), EINVAL);
	refused(of_task(BIND | STATIC_NODES | RELATIVE_NODES, 1), EINVAL);
	refused(of_task(77, 1), EINVAL);
	must(!of_task(DEFAULT, 0));
	asked(NULL, F_MEMS_ALLOWED, &nodes);
	must((nodes & 3) == 3 && !km_unlike(p, PAGES));
	must(!munmap(p, PAGES * page_size));
}

static void range_modes(void)
{
	size_t size = PAGES * page_size;
	unsigned long nodes;
	char *p = anonymous(PAGES);

	must(!of_range(p, size, BIND, 1, 0));
	km_fill(p, PAGES);
	must(node_of(p) == 0 && asked(p, F_ADDR, &nodes) == BIND && nodes == 1);
	must(!of_range(p + size / 4, size / 2, BIND, 2, MF_MOVE | MF_STRICT));	/* makes three of one */
	must(node_of(p) == 0 && node_of(p + size / 2) == 1);
	refused(of_range(p, size, BIND, 2, MF_STRICT), EIO);
	must(!of_range(p, size, PREFERRED, 2, MF_MOVE_ALL) && node_of(p) == 1);
	must(!of_range(p, size, INTERLEAVE, 3, MF_MOVE) && !km_unlike(p, PAGES));
	must(!of_range(p, size, LOCAL, 0, 0) && asked(p, F_ADDR, NULL) == LOCAL);
	must(!of_range(p, size, BIND | NUMA_BALANCING, 3, 0) || errno == EINVAL);
	errno = 0;
	must(!of_range(p, size, BIND, 3, 0));
	if (syscall(SYS_set_mempolicy_home_node, p, size, 1, 0))
		must(errno == ENOSYS);
	else
		refused(syscall(SYS_set_mempolicy_home_node, p, size, 99, 0), EINVAL);
	errno = 0;
	must(read_all("/proc/self/numa_maps", 1 << 20));
	must(!of_range(p, size, DEFAULT, 0, 0));
	must(syscall(SYS_migrate_pages, 0, MOST - 1, mask(3), (unsigned long[16]){ 1 }) >= 0);
	must(node_of(p) == 0 && !km_unlike(p, PAGES) && !munmap(p, size));
}

/* The file keeps them, and the next who maps it finds them. */
static void shared_modes(void)
{
	size_t size = PAGES * page_size;
	int fd = memfd_create("policies", 0);
	char *p;

	must(fd >= 0 && !ftruncate(fd, size));
	p = km_map(NULL, size, RW, MAP_SHARED, fd);
	must(!of_range(p, size, BIND, 1, 0) && !of_range(p + size / 4, size / 4, INTERLEAVE, 3, 0));
	must(!of_range(p + size / 2, size / 8, BIND, 2, 0) && !of_range(p + size / 2, size / 4, BIND, 2, 0));
	km_fill(p, PAGES);
	must(!munmap(p, size));
	p = km_map(NULL, size, RW, MAP_SHARED, fd);
	must(asked(p + size / 4, F_ADDR, NULL) == INTERLEAVE && asked(p + size / 2, F_ADDR, NULL) == BIND);
	must(node_of(p) == 0 && node_of(p + size / 2) == 1 && !km_unlike(p, PAGES));
	must(!of_range(p, size, BIND, 3, 0));	/* this map has none of its own as yet */
	must(!of_range(p, size, DEFAULT, 0, 0) && asked(p, F_ADDR, NULL) == DEFAULT);
	must(!munmap(p, size) && !close(fd));
}

static void mounted_modes(void)
{
	static const char *const good[] = {
		"mpol=interleave:0-1", "mpol=bind=static:1", "mpol=prefer:0", "mpol=local", "mpol=prefer=relative:1",
		"mpol=interleave=relative:0-1", "mpol=default",
	};
	int fd;

	must(!mount("mpol", AT, "tmpfs", 0, "size=1m,mpol=bind:1"));
	fd = open(AT "/f", O_CREAT | O_RDWR, 0600);
	must(fd >= 0 && write(fd, "x", 1) == 1 && !close(fd));
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		must(!mount("mpol", AT, "tmpfs", MS_REMOUNT, good[i]));
		must(read_all("/proc/self/mounts", 1 << 20));
	}
	refused(mount("mpol", AT, "tmpfs", MS_REMOUNT, "mpol=sometimes:1"), EINVAL);
	must(!umount(AT));
}

static void huge_pages(void)
{
	char *p = km_map(NULL, huge, RW, ANON | MAP_HUGETLB, -1);
	int other;

	*(volatile char *)p = 7;
	other = !node_of(p);
	must(!of_range(p, huge, BIND, 1ul << other, MF_MOVE));
	must(*(volatile char *)p == 7 && node_of(p) == other && !munmap(p, huge));
}

/* Policies of tasks and maps follow what the group allows. */
static void cpuset(void)
{
	char self[16], *p = anonymous(PAGES), *q = anonymous(PAGES);
	size_t size = PAGES * page_size;
	unsigned long nodes;

	snprintf(self, sizeof(self), "%d", getpid());
	must(km_put(CGROUP "/a/cpuset.mems", "0-1"));
	must(km_put(CGROUP "/a/cgroup.procs", self));
	must(!of_task(INTERLEAVE, 3) && !of_range(p, size, BIND | RELATIVE_NODES, 3, 0));
	must(!of_range(q, size, PREFERRED, 2, 0));
	km_fill(p, PAGES);
	must(km_put(CGROUP "/a/cpuset.mems", "0"));
	must(asked(NULL, 0, &nodes) == INTERLEAVE && nodes == 1);
	must(asked(p, F_ADDR, &nodes) == (BIND | RELATIVE_NODES));
	must(km_put(CGROUP "/a/cpuset.mems", "1"));
	must(asked(NULL, 0, &nodes) == INTERLEAVE && nodes == 2 && !km_unlike(p, PAGES));
	must(km_put(CGROUP "/a/cpuset.mems", "0-1"));
	must(km_put(CGROUP "/cgroup.procs", self));
	must(!of_task(DEFAULT, 0) && !munmap(p, size) && !munmap(q, size));
}

static void prepare_cpuset(void)
{
	make_folder(CGROUP);
	with_cpuset = !mount("none", CGROUP, "cgroup2", 0, NULL) &&
		      km_put(CGROUP "/cgroup.subtree_control", "+cpuset");
	errno = 0;
	if (with_cpuset)
		make_folder(CGROUP "/a");
	else
		km_note("no cpuset in this kernel");
}

int main(int argc, char **argv)
{
	begin_program(argc, argv);
	if (!is_there("/sys/devices/system/node/node1"))
		km_absent("this machine has one node");
	if (of_task(DEFAULT, 0))
		km_absent("no memory policies in this kernel");
	make_folder(AT);
	prepare_cpuset();
	huge = huge_pool(2 * HUGE_PAGES);
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			task_modes();
			range_modes();
			shared_modes();
			mounted_modes();
			if (huge && i == 0)
				huge_pages();
			if (with_cpuset)
				cpuset();
		}
		km_end(ROUNDS);
	}
	if (with_cpuset)
		rmdir(CGROUP "/a");
	umount(CGROUP);
	return km_finish();
}
