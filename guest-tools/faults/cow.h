/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages that parent and child have in common: in each, the first byte and the last one are known. */
#include "common.h"

#define OLD 0xfe	/* no value() is that */

static size_t page_size;

static void fill(unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i += page_size)
		p[i] = p[i + page_size - 1] = OLD;
}

static bool all_old(const unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i += page_size)
		if (p[i] != OLD || p[i + page_size - 1] != OLD)
			return false;
	return true;
}

/* The last byte of a page is not written: where there is a copy, it has been copied. */
static void check_whole_and_unmap(unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i += page_size)
		if (p[i + page_size - 1] != OLD)
			km_fail("page %zu is not whole", i / page_size);
	km_wipe(p + page_size - 1, size, page_size);
	check_and_unmap(p, size, page_size);
}
