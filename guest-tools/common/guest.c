// SPDX-License-Identifier: GPL-2.0-or-later
/* What a workload changes in the guest: settings, the disk. All of it is put back at the end. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "kmatrix.h"
#include "memory.h"

#define DISK "/dev/vda"
#define RAM_DISK "/dev/ram0"
#define EMPTY "/tmp/ext4"	/* an empty file system for it: pairs of a page's place, 8 bytes, and the page */
#define KEPT 16
#define ABSENT 4	/* exit status, as the kernel's selftests have it */

static struct {
	const char *path;
	long value;
} kept[KEPT];
static int kept_count;
static const char *mounted, *swapped;

/* Last changed, first put back. Nobody is left to tell if that fails. */
static void put_back(void)
{
	if (swapped)
		swapoff(swapped);
	if (mounted) {
		umount2(mounted, MNT_DETACH);
		rmdir(mounted);
	}
	while (kept_count) {
		FILE *file = fopen(kept[--kept_count].path, "w");

		if (!file)
			continue;
		fprintf(file, "%ld", kept[kept_count].value);
		fclose(file);
	}
}

static void put_back_at_exit(void)
{
	static bool done;

	if (!done && atexit(put_back))
		km_fail("atexit");
	done = true;
}

long km_read(const char *path)
{
	FILE *file = fopen(path, "r");
	long value;

	if (!file || fscanf(file, "%ld", &value) != 1)
		km_fail("%s: cannot be read", path);
	fclose(file);
	return value;
}

void km_keep(const char *path)
{
	if (kept_count == KEPT)
		km_fail("more than %d settings to keep", KEPT);
	put_back_at_exit();
	kept[kept_count].value = km_read(path);
	kept[kept_count++].path = path;
}

void km_write(const char *path, const char *value, ...)
{
	FILE *file = fopen(path, "w");
	va_list list;

	if (!file)
		km_fail("%s", path);
	va_start(list, value);
	vfprintf(file, value, list);
	va_end(list);
	if (fclose(file))
		km_fail("%s: cannot be written", path);
}

void km_absent(const char *what, ...)
{
	va_list list;

	va_start(list, what);
	vfprintf(stderr, what, list);
	va_end(list);
	fputc('\n', stderr);
	exit(ABSENT);
}

/* Without times in the inodes: a write fault needs no transaction for them, which could wait for the disk. */
void km_mount_disk(const char *folder)
{
	put_back_at_exit();
	if (mkdir(folder, 0700) && errno != EEXIST)
		km_fail("%s", folder);
	if (mount(DISK, folder, "ext4", MS_NOATIME | MS_LAZYTIME, "noinit_itable"))
		km_fail("mount %s: the workload needs a disk with ext4", DISK);
	mounted = folder;
	errno = 0;
}

/* The guest has no mkfs. What the host has made is nearly all zeros, which a RAM disk is to begin with. */
static void fill_ram_disk(void)
{
	struct {
		uint64_t place;
		char page[4096];
	} one;
	FILE *from = fopen(EMPTY, "r");
	int disk = open(RAM_DISK, O_WRONLY);

	if (disk < 0)
		km_absent("no " RAM_DISK " in this kernel");
	if (!from)
		km_absent("nobody has put an empty file system into " EMPTY);
	while (fread(&one, sizeof(one), 1, from) == 1)
		if (pwrite(disk, one.page, sizeof(one.page), le64toh(one.place)) != sizeof(one.page))
			km_fail(RAM_DISK);
	if (ferror(from) || fsync(disk) || close(disk))
		km_fail(RAM_DISK);
	fclose(from);
}

void km_mount_ram(const char *folder)
{
	put_back_at_exit();
	if (mkdir(folder, 0700) && errno != EEXIST)
		km_fail("%s", folder);
	fill_ram_disk();
	if (mount(RAM_DISK, folder, "ext4", MS_NOATIME, "noinit_itable")) {
		if (errno == ENODEV)
			km_absent("no ext4 in this kernel");
		km_fail("mount " RAM_DISK);
	}
	mounted = folder;
	errno = 0;
}

void km_swap(const char *device, size_t size)
{
	km_make_swap(device, size);
	put_back_at_exit();
	if (swapon(device, 0)) {
		if (errno == ENOSYS)
			km_absent("no swap in this kernel");
		km_fail("swapon %s", device);
	}
	swapped = device;
}

void *km_shmem(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		km_fail("mmap of %zu bytes", size);
	return p;
}
