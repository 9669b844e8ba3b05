// SPDX-License-Identifier: GPL-2.0-or-later
/* The hugetlb controller of cgroup v2: __hugetlb_cgroup_charge_cgroup(), its uncharging, files, move to the parent. */
#include "../cgroup.h"

static const struct names names = {
	.limit = "max", .rsvd_limit = "rsvd.max", .usage = "current", .rsvd_usage = "rsvd.current", .events = "events",
	.local = "events.local", .numa = "numa_stat", .no_limit = "max",
};

int main(int argc, char **argv)
{
	km_start(argc, argv);
	cgroup_mount("cgroup2", NULL);
	if (!put_text(CGROUPS "/cgroup.subtree_control", "+hugetlb"))
		km_absent("no hugetlb controller in cgroup v2 of this kernel");
	must(!mkdir(CGROUPS "/up", 0700) && put_text(CGROUPS "/up/cgroup.subtree_control", "+hugetlb"));
	while (km_pass()) {
		int fd;

		enter(CGROUPS "/up/group", &names);
		km_begin();
		fd = steps(CGROUPS "/up/group", CGROUPS "/up/empty", &names);
		km_end(1);
		leave(CGROUPS "/up/group", fd);
		check_pool(PAGES);
		if (pages_in(CGROUPS "/up", names.usage))
			km_fail("%ld pages are charged still", pages_in(CGROUPS "/up", names.usage));
		close_room(area, PAGES * huge);
		sleep(1);	/* the group is freed */
	}
	rmdir(CGROUPS "/up");
	errno = 0;
	return km_finish();
}
