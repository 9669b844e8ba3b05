// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

int main(void)
{
	puts("about to go wrong");
	fprintf(stderr, "page 3 is not what it was\n");
	return 7;
}
