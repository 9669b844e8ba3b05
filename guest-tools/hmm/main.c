// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device faults on fresh shared memory of this process (claim C8): lib/test_hmm.c, which is such a driver without a
 * device, asks hmm_range_fault() for pages that it is to write, and hmm_vma_fault() takes each fault without leave to
 * drop mmap_lock. What it has written must be in the memory.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

#define PAGES 4096
#define NODE "/tmp/hmm"

/* lib/test_hmm_uapi.h, which no distribution installs */
struct hmm_dmirror_cmd {
	uint64_t addr, ptr, npages;
	uint64_t cpages;	/* copied */
	uint64_t faults;	/* that the device has taken */
};
#define HMM_DMIRROR_WRITE _IOWR('H', 0x01, struct hmm_dmirror_cmd)

static int driver(void)
{
	char line[128];
	int major = -1, fd;
	FILE *devices = fopen("/proc/devices", "r");

	if (!devices)
		km_fail("/proc/devices");
	while (major < 0 && fgets(line, sizeof(line), devices))
		if (sscanf(line, "%d HMM_DMIRROR", &major) != 1 || !strstr(line, "HMM_DMIRROR"))
			major = -1;
	fclose(devices);
	if (major < 0)
		km_absent("this kernel has no driver of lib/test_hmm.c (TEST_HMM)");
	unlink(NODE);
	if (mknod(NODE, S_IFCHR | 0600, makedev(major, 0)))
		km_fail(NODE);
	fd = open(NODE, O_RDWR);
	if (fd < 0)
		km_absent("the driver of lib/test_hmm.c has no memory on this machine");
	return fd;
}

int main(int argc, char **argv)
{
	size_t size = PAGES * km_page_size();
	void *from = km_map(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int fd = driver();

	km_start(argc, argv);
	km_fill(from, PAGES);
	while (km_pass()) {
		void *p = km_shmem(size);
		struct hmm_dmirror_cmd cmd = { (uintptr_t)p, (uintptr_t)from, PAGES, 0, 0 };

		km_begin();
		if (ioctl(fd, HMM_DMIRROR_WRITE, &cmd))
			km_fail("HMM_DMIRROR_WRITE");
		km_end(PAGES);
		if (cmd.cpages != PAGES || !cmd.faults)
			km_fail("%lu pages copied, %lu faults", (unsigned long)cmd.cpages, (unsigned long)cmd.faults);
		km_check(p, PAGES);
		munmap(p, size);
	}
	return km_finish();
}
