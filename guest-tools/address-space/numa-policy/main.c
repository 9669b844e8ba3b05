// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The policies of a task and of a part of a VMA are set, read and taken back: set_mempolicy(), do_mbind(),
 * mbind_range(), queue_pages_range(), do_get_mempolicy(), lookup_node(). One node is enough for it.
 */
#include "../common.h"

#define PAGES 64
#define FIRST 24	/* of those that get a policy of their own */
#define SOME 16
#define ROUNDS 500
#define CALLS 6	/* a round */

#define POLICY_DEFAULT 0	/* as linux/mempolicy.h has them */
#define POLICY_PREFERRED 1
#define POLICY_BIND 2
#define WHOSE_NODE ((1 << 0) | (1 << 1))	/* MPOL_F_NODE | MPOL_F_ADDR */
#define STRICT (1 << 0)	/* looks at the pages that are there, moves none */
#define BITS 1024	/* of a node mask */

static unsigned long node_0[BITS / 8 / sizeof(long)] = { 1 };

static long read_policy(int *policy, void *where, int flags)
{
	return syscall(SYS_get_mempolicy, policy, NULL, 0, where, flags);
}

static int run(char *p, size_t size, int *of_task, int *of_pages)
{
	int errors = 0, policy = -1;

	errors += syscall(SYS_set_mempolicy, POLICY_BIND, node_0, BITS);
	errors += read_policy(&policy, NULL, 0);
	*of_task += policy;
	errors += syscall(SYS_mbind, p, size, POLICY_PREFERRED, node_0, BITS, STRICT);
	errors += read_policy(&policy, p, WHOSE_NODE);
	*of_pages += policy;
	errors += syscall(SYS_mbind, p, size, POLICY_DEFAULT, NULL, 0, STRICT);
	errors += syscall(SYS_set_mempolicy, POLICY_DEFAULT, NULL, 0);
	return errors;
}

static void check_split(char *p, char *middle)
{
	int policy = -1;

	if (syscall(SYS_mbind, middle, SOME * page_size, POLICY_PREFERRED, node_0, BITS, STRICT))
		km_fail("mbind");
	if (read_policy(&policy, middle, 1 << 1) || policy != POLICY_PREFERRED)
		km_fail("the policy in the middle is %d", policy);
	expect_vma(p, FIRST);
	expect_vma(middle, SOME);
	if (syscall(SYS_mbind, middle, SOME * page_size, POLICY_DEFAULT, NULL, 0, STRICT))
		km_fail("mbind");
}

int main(int argc, char **argv)
{
	int policy;
	char *p;

	start(argc, argv);
	p = arena(PAGES * page_size);
	if (read_policy(&policy, NULL, 0) && errno == ENOSYS)
		km_absent("this kernel has no memory policies (CONFIG_NUMA)");
	while (km_pass()) {
		char *middle = map_small_pages(p, PAGES * page_size) + FIRST * page_size;
		int errors = 0, of_task = 0, of_pages = 0;

		write_numbers(p, PAGES);
		check_split(p, middle);
		km_begin();
		for (int i = 0; i < ROUNDS; i++)
			errors += run(middle, SOME * page_size, &of_task, &of_pages);
		km_end(ROUNDS * CALLS);
		if (errors)
			km_fail("%d calls failed", -errors);
		if (of_task != ROUNDS * POLICY_BIND || of_pages)
			km_fail("the policies read are not those set");
		expect_vma(p, PAGES);
		check_numbers(p, PAGES);
		close_area(p, PAGES * page_size);
	}
	return km_finish();
}
