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
	if (!km_put(CGROUPS "/cgroup.subtree_control", "+hugetlb"))
		km_absent("no hugetlb controller in cgroup v2 of this kernel");
	must(!mkdir(CGROUPS "/up", 0700) && km_put(CGROUPS "/up/cgroup.subtree_control", "+hugetlb"));
	return measure(&names);
}
