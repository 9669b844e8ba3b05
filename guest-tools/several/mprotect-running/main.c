// SPDX-License-Identifier: GPL-2.0-or-later
#include "../mprotect.h"

int main(int argc, char **argv)
{
	return measure_mprotect(argc, argv, RUNNING);
}
