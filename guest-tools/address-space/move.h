/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For both workloads that move a mapping to and fro between two places. */
#ifndef ADDRESS_SPACE_MOVE_H
#define ADDRESS_SPACE_MOVE_H

#include "common.h"

/* Returns how many of the moves went wrong. It ends at the other place. */
static inline int move_to_and_fro(char *here, char *there, size_t size, int rounds)
{
	int wrong = 0;

	for (int i = 0; i < rounds; i++) {
		wrong += mremap(here, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, there) != there;
		wrong += mremap(there, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, here) != here;
	}
	return wrong + (mremap(here, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, there) != there);
}

#endif
