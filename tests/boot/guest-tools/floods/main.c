// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

int main(void)
{
	for (int i = 0; i < 12 << 20; i += 64)
		puts("and another line, and another line, and another line, and more:");
	return 0;
}
