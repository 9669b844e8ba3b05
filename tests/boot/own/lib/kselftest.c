// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for the helpers that selftests have beside them. */
#include <stdio.h>

#include "kselftest.h"

void say_skip(const char *why)
{
	printf("TAP version 13\n1..0 # SKIP %s\n# Totals: pass:0 fail:0\n", why);
}
