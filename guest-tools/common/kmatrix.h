/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a workload uses to be measured:
 *
 *	km_start(argc, argv);			reads --passes N, --warmup N, --phase 0|1
 *	while (km_pass()) {			once a pass
 *		... set up ...
 *		km_begin();			waits for a fixed phase of the clock (not with --phase 0)
 *		... the region: what is measured ...
 *		km_value("stall_ns", longest);	what only the workload itself can know
 *		km_end(units);			units of work done in the region
 *		... check, tear down ...
 *	}
 *	return km_finish();
 *
 * Between km_begin() and km_end() nothing else may run. What is printed, and kmatrix reads (measure/passes.py), is one
 * JSON line a pass, and a last one:
 *
 *	{"kmatrix":1,"pass":0,"units":U,"time_ns":T,"minflt":N,"majflt":N,"values":{NAME:N},"vmstat":{NAME:[BEFORE,AFTER]}}
 *	{"kmatrix":1,"done":PASSES,"notes":[TEXT]}
 *
 * "values" and "notes" are there where there are any. Standard error says what went wrong.
 */
#ifndef KMATRIX_H
#define KMATRIX_H

#include <stdbool.h>
#include <stddef.h>

void km_start(int argc, char **argv);
long km_option(const char *name, long fallback);	/* value of --NAME */
bool km_pass(void);
void km_begin(void);
void km_value(const char *name, long long value);	/* of this pass, after km_begin() */
void km_end(unsigned long units);
int km_finish(void);
void km_fail(const char *what, ...) __attribute__((noreturn, format(printf, 1, 2)));
/*
 * What this kernel lacks, so that a figure is less than it would be: told once, with the last line. The program goes on.
 * Not in a region.
 */
void km_note(const char *what, ...) __attribute__((format(printf, 1, 2)));
/* This kernel, architecture or machine does not have what is to be measured. That is told, and is no failure. */
void km_absent(const char *what, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* guest.c: a program leaves the guest as it was, also when it fails. */
void km_write(const char *path, const char *value, ...) __attribute__((format(printf, 2, 3)));	/* a setting */
long km_read(const char *path);	/* a setting that is a number */
void km_keep(const char *path);	/* at the end it is again what it is now */
void km_mount_disk(const char *folder);	/* /dev/vda, ext4, until the end */
void km_mount_ram(const char *folder);	/* the RAM disk, 16 MiB: an empty ext4 with a journal, until the end */
void km_swap(const char *device, size_t size);	/* swapping to it, with lists of its own, until the end */
void *km_shmem(size_t size);	/* fresh shared memory: no page of it is there */

/*
 * Zeros again every step bytes, in memory that is about to be freed: what is kept of a guest at the gate is small then.
 * With the gate behind us there is nothing to be kept, and nothing is done.
 */
void km_wipe(void *memory, size_t size, size_t step);

/*
 * When the kernel last did what it does every two seconds, and how long that takes to come again, in ns; 0 if nothing is
 * seen of it. Found once for all workloads of a library, which are told it by --job, --period and --timer.
 */
extern struct km_quiet {
	long long job, period, timer;	/* timer: the same as job, of what comes every 100 ms */
} km_quiet;
void km_find_quiet(void);
void km_find_timer(void);	/* after that */

/* allocator.c: the start of a region finds the same page lists each time; for km_begin() and km_end(). */
void km_settle_allocator(void);
void km_vmstat(char *text, size_t size);	/* kmatrix.c: /proc/vmstat, whole; empty where there is none */
void km_refresh(void);	/* kmatrix.c: what each CPU has counted for itself is added to the totals */
void km_release_pages(void);

#endif
