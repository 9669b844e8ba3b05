// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a file of tmpfs that is in memory: shmem_file_read_iter(), shmem_get_folio() or shmem_getpage(),
 * folio_mark_accessed(), copy_page_to_iter().
 */
#include "../common.h"

#define SIZE ((size_t)4 << 20)
#define ROUNDS 3

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();
	unsigned char *p;
	int fd;

	km_start(argc, argv);
	p = buffer(SIZE);
	fd = km_memfd(SIZE);
	write_file(fd, SIZE, 1);
	while (km_pass()) {
		size_t got = 0;

		memset(p, 0, SIZE);
		km_begin();
		for (int round = 0; round < ROUNDS; round++)
			for (size_t at = 0; at < SIZE; at += CHUNK)
				got += pread(fd, p + at, CHUNK, at);
		km_end(ROUNDS * SIZE / page_size);
		if (got != ROUNDS * SIZE)
			km_fail("not all was read");
		check_words(p, SIZE, 0, 1);
	}
	close(fd);
	return km_finish();
}
