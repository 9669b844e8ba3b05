// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>
#include <stdio.h>

int main(void)
{
	puts("so far so good");
	fflush(stdout);
	raise(SIGSEGV);
	return 0;
}
