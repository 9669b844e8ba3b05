// SPDX-License-Identifier: GPL-2.0-or-later
/* mem_cgroup_css_alloc(), _online() and _offline(): cgroups with the memory controller are made and removed. */
#include "../common.h"

#define GROUPS 100
#define LEFT 5	/* seconds for the kernel to free what was removed */

static long directories(void)
{
	struct stat stat;

	if (lstat(CGROUP, &stat))
		km_fail(CGROUP);
	return stat.st_nlink - 2;
}

int main(int argc, char **argv)
{
	char (*names)[32] = calloc(GROUPS, sizeof(*names));

	km_start(argc, argv);
	if (!names)
		km_fail("memory");
	cgroup_make();
	km_write(CGROUP "/cgroup.subtree_control", "+memory");
	for (int i = 0; i < GROUPS; i++)
		snprintf(names[i], sizeof(names[i]), CGROUP "/g%03d", i);
	while (km_pass()) {
		int failed = 0;

		km_begin();
		for (int i = 0; i < GROUPS; i++)
			failed += !!mkdir(names[i], 0700);
		for (int i = 0; i < GROUPS; i++)
			failed += !!rmdir(names[i]);
		km_end(GROUPS);
		if (failed)
			km_fail("%d calls of mkdir() or rmdir() failed", failed);
		if (mkdir(names[0], 0700))
			km_fail("%s", names[0]);
		if (directories() != 1)
			km_fail("%ld cgroups where one should be", directories());
		if (access(CGROUP "/g000/memory.current", R_OK))
			km_fail("a cgroup has no memory.current");
		if (rmdir(names[0]))
			km_fail("%s", names[0]);
		sleep(LEFT);
	}
	return km_finish();
}
