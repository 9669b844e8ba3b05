// SPDX-License-Identifier: GPL-2.0-or-later
#include "../migrate.h"

int main(int argc, char **argv)
{
	return measure_migrate(argc, argv, ASLEEP);
}
