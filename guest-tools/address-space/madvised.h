/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the workloads that give an advice for each of many ranges of some pages. */
#ifndef ADDRESS_SPACE_MADVISED_H
#define ADDRESS_SPACE_MADVISED_H

#include "common.h"

#define RANGE 64	/* pages */

/* Returns the number of errors. */
static inline int advise_ranges(char *p, size_t pages, int advice)
{
	int errors = 0;

	for (size_t i = 0; i < pages; i += RANGE)
		errors -= madvise(p + i * page_size, RANGE * page_size, advice);
	return errors;
}

/* The region. */
static inline void measure_advice(char *p, size_t pages, int advice)
{
	int errors;

	km_begin();
	errors = advise_ranges(p, pages, advice);
	km_end(pages);
	if (errors)
		km_fail("%d calls failed", errors);
}

/*
 * The kernel itself looks at each page three times, as if a process had used it: then it is on the list of those in
 * use, except for the last few, which wait to be put there.
 */
static inline void use_pages(char *p, size_t pages)
{
	for (int i = 0; i < 3; i++)
		if (madvise(p, pages * page_size, MADV_POPULATE_WRITE))
			km_fail("madvise(MADV_POPULATE_WRITE)");
}

#endif
