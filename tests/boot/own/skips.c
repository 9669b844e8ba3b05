// SPDX-License-Identifier: GPL-2.0-or-later
/* Ends as a kernel selftest does that cannot run here. */
#include "lib/kselftest.h"

int main(void)
{
	say_skip("needs hugetlb pages");
	return 4;
}
