// SPDX-License-Identifier: GPL-2.0-or-later
/* try_to_unuse(), unuse_mm() and unuse_pte(): swapoff() brings back what is swapped out. */
#include <sys/swap.h>
#include <time.h>

#include "../common.h"

#define PAGES 2048

/* What the process itself ran: swapoff() waits for RCU, which comes with the timer's ticks. */
static long long own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = PAGES * page_size;

	km_start(argc, argv);
	fill_disk(SWAP_PAGES);
	while (km_pass()) {
		unsigned char *p = km_anonymous(size);
		long long start;
		int failed;

		km_swap(RAM_DISK, SWAP_PAGES * page_size);
		fill(p, PAGES);
		page_out(p, PAGES);
		km_begin();
		start = own_time();
		failed = swapoff(RAM_DISK);
		km_value("own_ns", own_time() - start);
		km_end(PAGES);
		if (failed)
			km_fail("swapoff");
		km_check_pages(p, PAGES, KM_PRESENT, PAGES);
		check_filled(p, PAGES);
		munmap(p, size);
	}
	return km_finish();
}
