// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that are not in the page cache: a fault drops mmap_lock to read the page, is retried, and then throttled on
 * its second attempt (claims C11 and C12).
 */
#include "throttle.h"

int main(int argc, char **argv)
{
	return throttle_main(argc, argv, true);
}
