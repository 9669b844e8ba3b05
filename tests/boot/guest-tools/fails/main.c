// SPDX-License-Identifier: GPL-2.0-or-later
#include "kmatrix.h"

int main(int argc, char **argv)
{
	km_start(argc, argv);
	km_begin();
	km_end(1);
	km_fail("page 7 does not hold what was written");
}
