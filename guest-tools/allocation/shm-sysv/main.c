// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System V shared memory is made, attached, touched and given up: newseg(), shmem_kernel_file_setup(), do_shmat(),
 * shm_close().
 */
#include <sys/ipc.h>
#include <sys/shm.h>

#include "../common.h"

#define SEGMENTS 512
#define PAGES 4

static int ids[SEGMENTS];

static void check_gone(void)
{
	struct shmid_ds told;

	for (size_t i = 0; i < SEGMENTS; i++) {
		if (!shmctl(ids[i], IPC_STAT, &told) || (errno != EINVAL && errno != EIDRM))
			km_fail("segment %zu is still there", i);
		if (i && ids[i] == ids[i - 1])
			km_fail("segment %zu was the one before", i);
	}
	errno = 0;
}

int main(int argc, char **argv)
{
	size_t size = PAGES * km_page_size();
	void *failed = (void *)-1;

	km_start(argc, argv);
	ids[0] = shmget(IPC_PRIVATE, size, 0600);
	if (ids[0] < 0 && errno == ENOSYS)
		km_absent("this kernel has no shared memory of System V");
	shmctl(ids[0], IPC_RMID, NULL);
	while (km_pass()) {
		uint64_t before = 0;

		memset(ids, 0xff, sizeof(ids));
		km_begin();
		for (size_t i = 0; i < SEGMENTS; i++) {
			volatile uint64_t *p;

			ids[i] = shmget(IPC_PRIVATE, size, 0600);
			p = shmat(ids[i], NULL, 0);
			if (p == failed)
				km_fail("shmat");
			before |= *p;
			*p = i + 1;
			if (shmctl(ids[i], IPC_RMID, NULL) || shmdt((const void *)p))
				km_fail("shmdt");
		}
		km_end(SEGMENTS);
		if (before)
			km_fail("new memory is not zero");
		check_gone();
	}
	return km_finish();
}
