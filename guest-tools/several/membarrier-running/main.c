// SPDX-License-Identifier: GPL-2.0-or-later
#include "../membarrier.h"

int main(int argc, char **argv)
{
	return measure_membarrier(argc, argv, RUNNING);
}
