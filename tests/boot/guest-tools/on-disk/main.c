// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages go to the disk, and come back from there. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kmatrix.h"

#define FOLDER "/tmp/on-disk"
#define SIZE (64 * 4096)

int main(int argc, char **argv)
{
	char *out, *in;
	int fd;

	km_start(argc, argv);
	km_mount_disk(FOLDER);
	out = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	fd = open(FOLDER "/data", O_RDWR | O_CREAT, 0600);
	if (out == MAP_FAILED || fd < 0)
		km_fail(FOLDER);
	in = out + SIZE;
	while (km_pass()) {
		memset(out, 'x', SIZE);
		km_begin();
		if (pwrite(fd, out, SIZE, 0) != SIZE || fsync(fd))
			km_fail("write");
		km_end(SIZE / 4096);
		if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) || pread(fd, in, SIZE, 0) != SIZE || memcmp(in, out, SIZE))
			km_fail("it came back as something else");
	}
	close(fd);
	return km_finish();
}
