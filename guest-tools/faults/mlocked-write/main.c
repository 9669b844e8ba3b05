// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to anonymous pages of a locked mapping: mlock_new_page() (mlock_new_folio()). Page tables are there. */
#include <sys/syscall.h>

#include "../common.h"

#define PAGES 4096

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

static void lock(unsigned char *p, size_t size)
{
	if (!syscall(SYS_mlock2, p, size, MLOCK_ONFAULT))
		return;
	if (errno == ENOSYS)
		km_absent("this kernel has no mlock2()");
	km_fail("mlock2(MLOCK_ONFAULT)");
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size, units;

	km_start(argc, argv);
	while (km_pass()) {
		unsigned char *p = map_anonymous(size);
		long long before;

		lock(p, size);
		write_tables(p, size, page_size);
		before = km_count("nr_mlock");
		km_begin();
		units = write_rest(p, size, page_size);
		km_end(units);
		if (before >= 0 && km_count("nr_mlock") - before != (long long)units)
			km_fail("%lld pages were locked, not %zu", km_count("nr_mlock") - before, units);
		km_check_smaps(p, size, "Anonymous", size);
		check_and_unmap(p, size, page_size);
	}
	return km_finish();
}
