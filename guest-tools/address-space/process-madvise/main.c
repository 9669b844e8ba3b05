// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls pages of a child cold: process_madvise(), do_madvise() and madvise_cold_or_pageout_pte_range() of another mm.
 */
#include <sys/uio.h>

#include "../child.h"

#define PAGES 8192
#define RANGES 16	/* of RANGE pages, a call */

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

static int open_child(void)
{
	int pidfd = syscall(SYS_pidfd_open, child, 0);

	if (pidfd < 0 && errno == ENOSYS)
		km_absent("this kernel has no pidfd_open()");
	if (pidfd < 0)
		km_fail("pidfd_open");
	if (syscall(SYS_process_madvise, pidfd, NULL, 0, MADV_COLD, 0) < 0 && errno == ENOSYS)
		km_absent("this kernel has no process_madvise()");
	errno = 0;
	return pidfd;
}

int main(int argc, char **argv)
{
	struct iovec ranges[PAGES / RANGE];
	int pidfd;

	start_child(PAGES, PAGES);
	start(argc, argv);
	need_advice(MADV_COLD, "MADV_COLD");
	need_advice(MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE");
	pidfd = open_child();
	while (km_pass()) {
		char *p = when_used();
		long long deactivated = km_count("pgdeactivate");
		size_t done = 0;

		for (size_t i = 0; i < PAGES / RANGE; i++)
			ranges[i] = (struct iovec){ p + i * RANGE * page_size, RANGE * page_size };
		expect_of_child(p, "Referenced", PAGES);
		km_begin();
		for (size_t i = 0; i < PAGES / RANGE; i += RANGES)
			done += syscall(SYS_process_madvise, pidfd, ranges + i, RANGES, MADV_COLD, 0);
		km_end(PAGES);
		if (done != PAGES * page_size)
			km_fail("%zu bytes were advised", done);
		expect_of_child(p, "Referenced", 0);
		km_check_count("pgdeactivate", deactivated, PAGES - 2 * RANGE);
		use_again();
	}
	close(pidfd);
	km_end_other(child);
	return km_finish();
}
