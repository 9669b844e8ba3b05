// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names a part of an anonymous VMA and takes the name away: madvise_set_anon_name(), madvise_update_vma(),
 * anon_vma_name().
 */
#include "../common.h"

#define PAGES 64
#define FIRST 24	/* of those that get a name */
#define SOME 16
#define ROUNDS 800
#define CALLS 3	/* a round */

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static int name(char *p, const char *text)
{
	return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, SOME * page_size, text);
}

int main(int argc, char **argv)
{
	size_t size = PAGES * start(argc, argv);
	char *p = arena(size), *middle = p + FIRST * page_size;

	if (name(map_small_pages(p, size), "first") && errno == EINVAL)
		km_absent("this kernel gives VMAs no names (CONFIG_ANON_VMA_NAME)");
	while (km_pass()) {
		int errors = 0;

		map_numbers(p, PAGES);
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			errors += name(middle, "first");
			errors += name(middle, "second");
			errors += name(middle, NULL);
		}
		errors += name(middle, "first");
		km_end(CALLS * ROUNDS + 1);
		if (errors)
			km_fail("%d calls failed", -errors);
		expect_vma(p, FIRST);
		expect_vma(middle, SOME);
		if (strcmp(vma_of(middle).name, "[anon:first]") || *vma_of(p).name)
			km_fail("the VMA in the middle is called %s", vma_of(middle).name);
		if (name(middle, NULL))
			km_fail("prctl(PR_SET_VMA)");
		expect_vma(p, PAGES);
		check_numbers(p, PAGES);
		close_area(p, size);
	}
	return km_finish();
}
