// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages that are in the page cache: a fault is throttled on its first attempt, with mmap_lock dropped (claim C10). */
#include "throttle.h"

int main(int argc, char **argv)
{
	return throttle_main(argc, argv, false);
}
