// SPDX-License-Identifier: GPL-2.0-or-later
#include "../dontneed.h"

int main(int argc, char **argv)
{
	return measure_dontneed(argc, argv, ASLEEP);
}
