// SPDX-License-Identifier: GPL-2.0-or-later
/* The same of cgroup v1: hugetlb_cgroup_write_legacy(), hugetlb_cgroup_reset(), hugetlb_cgroup_read_u64(). */
#include "../cgroup.h"

static const struct names names = {
	.limit = "limit_in_bytes", .rsvd_limit = "rsvd.limit_in_bytes", .usage = "usage_in_bytes",
	.rsvd_usage = "rsvd.usage_in_bytes", .max_usage = "max_usage_in_bytes", .failcnt = "failcnt",
	.rsvd_failcnt = "rsvd.failcnt", .numa = "numa_stat", .no_limit = "-1",
};

int main(int argc, char **argv)
{
	km_start(argc, argv);
	cgroup_mount("cgroup", "hugetlb");
	must(!mkdir(CGROUPS "/up", 0700));
	return measure(&names);
}
