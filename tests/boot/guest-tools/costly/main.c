// SPDX-License-Identifier: GPL-2.0-or-later
/* Known numbers of instructions that hardware pays more for. */
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmatrix.h"

#define PAGE 4096

static _Atomic long number;
static volatile char page[PAGE] __attribute__((aligned(PAGE)));

int main(int argc, char **argv)
{
	km_start(argc, argv);
	if (munlock((void *)page, PAGE))	/* else it would stay */
		km_fail("munlock");
	while (km_pass()) {
		page[0] = 1;
		km_begin();
		for (int i = 0; i < 1000; i++)
			atomic_fetch_add(&number, 1);
		for (int i = 0; i < 700; i++)
			atomic_exchange(&number, i);
		for (int i = 0; i < 500; i++)
			atomic_thread_fence(memory_order_seq_cst);
		for (int i = 0; i < 300; i++)
			syscall(SYS_getppid);
		for (int i = 0; i < 100; i++) {
			mprotect((void *)page, PAGE, PROT_READ);
			mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE);
		}
		for (int i = 0; i < 150; i++) {
			if (madvise((void *)page, PAGE, MADV_DONTNEED))
				km_fail("madvise");
			page[0] = i;	/* a fault */
		}
		km_end(1);
	}
	return km_finish();
}
