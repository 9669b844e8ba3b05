// SPDX-License-Identifier: GPL-2.0-or-later
#include "kmatrix.h"

int main(int argc, char **argv)
{
	km_start(argc, argv);
	km_begin();
	for (;;)
		;
}
