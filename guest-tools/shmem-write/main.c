// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes one byte a page, sequentially, over a fresh shmem file that is mapped shared (claims C1 to C3). */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kmatrix.h"

static unsigned char value(size_t page)
{
	return page % 251 + 1;
}

static void check(const unsigned char *seen, size_t size, size_t page_size)
{
	for (size_t i = 0; i < size / page_size; i++)
		if (seen[i * page_size] != value(i) || seen[i * page_size + 1])
			km_fail("page %zu does not hold what was written", i);
}

/* Through another mapping of the file: what was written must be in the object, not only in the page tables. */
static void check_file(int fd, size_t size, size_t page_size)
{
	unsigned char *seen = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (seen == MAP_FAILED)
		km_fail("mmap to read");
	check(seen, size, page_size);
	munmap(seen, size);
}

int main(int argc, char **argv)
{
	size_t page_size = sysconf(_SC_PAGESIZE);
	size_t size;
	bool first = true;

	km_start(argc, argv);
	size = (size_t)km_option("mib", 400) << 20;
	while (km_pass()) {
		int fd = memfd_create("shmem-write", 0);
		unsigned char *p;

		if (fd < 0 || ftruncate(fd, size))
			km_fail("memfd of %zu bytes", size);
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			km_fail("mmap of %zu bytes", size);
		km_begin();
		for (size_t i = 0; i < size / page_size; i++)
			p[i * page_size] = value(i);
		km_end(size / page_size);
		check(p, size, page_size);
		if (first)
			check_file(fd, size, page_size);
		first = false;
		km_wipe(p, size, page_size);
		munmap(p, size);
		close(fd);
	}
	return km_finish();
}
