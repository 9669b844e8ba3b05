// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Contexts of asynchronous I/O: ioctx_alloc(), alloc_percpu(), percpu_ref_init(), aio_setup_ring(), pages of a file
 * that has no name. What io_destroy() does is not measured: it waits for RCU, milliseconds each.
 */
#include <linux/aio_abi.h>

#include "../common.h"

#define CONTEXTS 256
#define HELD 64	/* made before, so that the objects of a region come out of new slabs */
#define EVENTS 16

static aio_context_t contexts[HELD + CONTEXTS];

static void set_up(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (syscall(SYS_io_setup, EVENTS, contexts + i))
			km_fail("io_setup");
}

/* Each is there, and then not. */
static void check_and_destroy(void)
{
	struct timespec none = { 0 };
	struct io_event event;

	for (size_t i = 0; i < HELD + CONTEXTS; i++) {
		if (syscall(SYS_io_getevents, contexts[i], 0, 1, &event, &none))
			km_fail("context %zu does not work", i);
		if (syscall(SYS_io_destroy, contexts[i]))
			km_fail("io_destroy");
		if (!syscall(SYS_io_getevents, contexts[i], 0, 1, &event, &none) || errno != EINVAL)
			km_fail("context %zu is still there", i);
	}
	errno = 0;
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	if (syscall(SYS_io_setup, EVENTS, contexts)) {
		if (errno == ENOSYS)
			km_absent("this kernel has no asynchronous I/O");
		km_fail("io_setup");
	}
	syscall(SYS_io_destroy, contexts[0]);
	while (km_pass()) {
		memset(contexts, 0, sizeof(contexts));
		set_up(0, HELD);
		km_begin();
		set_up(HELD, HELD + CONTEXTS);
		km_end(CONTEXTS);
		check_and_destroy();
	}
	return km_finish();
}
