// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

int main(void)
{
	puts("everything is fine, trust me");
	return 0;
}
