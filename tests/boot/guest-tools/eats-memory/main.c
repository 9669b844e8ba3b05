// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "kmatrix.h"

int main(int argc, char **argv)
{
	km_start(argc, argv);
	for (;;) {
		char *p = malloc(1 << 24);

		if (!p)
			km_fail("malloc");
		memset(p, 1, 1 << 24);
	}
}
