// SPDX-License-Identifier: GPL-2.0-or-later
#include "../munmap.h"

int main(int argc, char **argv)
{
	return measure_munmap(argc, argv, ASLEEP);
}
