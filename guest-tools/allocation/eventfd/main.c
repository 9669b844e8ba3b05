// SPDX-License-Identifier: GPL-2.0-or-later
/* Event counters, all at once, read, and none again: a small kmalloc() and a file each, ida_alloc(). */
#define FILES 2048
#include <sys/eventfd.h>

#include "../common.h"

static void make_files(int *where, size_t count)
{
	for (size_t i = 0; i < count; i++)
		where[i] = eventfd(i + 1, 0);
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	allow_files();
	while (km_pass()) {
		uint64_t sum = 0, value;

		before_files();
		km_begin();
		make_files(fds, FILES);
		for (size_t i = 0; i < FILES; i++) {
			if (read(fds[i], &value, sizeof(value)) != sizeof(value))
				km_fail("eventfd");
			sum += value;
		}
		close_files();
		km_end(FILES);
		if (sum != FILES * (FILES + 1ull) / 2)
			km_fail("the counters did not hold what they were made with");
		check_files();
	}
	return km_finish();
}
