/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a workload uses to be measured:
 *
 *	km_start(argc, argv);			reads --passes N
 *	while (km_pass()) {			once a pass
 *		... set up ...
 *		km_begin();			waits for a fixed phase of the clock
 *		... the region: what is measured ...
 *		km_end(units);			units of work done in the region
 *		... check, tear down ...
 *	}
 *	return km_finish();
 *
 * Between km_begin() and km_end() nothing else may run. One JSON line a pass goes to standard output
 * after the region; standard error says what went wrong.
 */
#ifndef KMATRIX_H
#define KMATRIX_H

#include <stdbool.h>
#include <stddef.h>

void km_start(int argc, char **argv);
long km_option(const char *name, long fallback);	/* value of --NAME */
bool km_pass(void);
void km_begin(void);
void km_end(unsigned long units);
int km_finish(void);
void km_fail(const char *what, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
