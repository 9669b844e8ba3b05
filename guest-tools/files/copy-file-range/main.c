// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copies a file of tmpfs within the kernel: do_splice_direct(), generic_file_splice_read(), later
 * shmem_file_splice_read(), iter_file_splice_write(), shmem_write_begin().
 */
#include "../common.h"

#define SIZE ((size_t)4 << 20)
#define PIECE ((size_t)128 << 10)

static long copy(int from, int to, size_t size)
{
	return syscall(SYS_copy_file_range, from, NULL, to, NULL, size, 0);
}

static void try_it(int from)
{
	int to = km_memfd(0);

	if (copy(from, to, 1) != 1) {
		if (errno == ENOSYS || errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL)
			km_absent("no copy_file_range() between files of tmpfs in this kernel");
		km_fail("copy_file_range");
	}
	close(to);
}

static void rewind_file(int fd)
{
	if (lseek(fd, 0, SEEK_SET))
		km_fail("lseek");
}

/* A call may copy less than it was asked for. */
static size_t copy_all(int from, int to)
{
	size_t done = 0;

	while (done < SIZE) {
		long copied = copy(from, to, PIECE);

		if (copied <= 0)
			break;
		done += copied;
	}
	return done;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();
	int from;

	km_start(argc, argv);
	from = km_memfd(SIZE);
	write_file(from, SIZE, 15);
	try_it(from);
	while (km_pass()) {
		int to = km_memfd(0);
		size_t done;

		rewind_file(from);
		km_begin();
		done = copy_all(from, to);
		km_end(SIZE / page_size);
		if (done != SIZE)
			km_fail("copy_file_range: %zu bytes of %zu", done, SIZE);
		check_file(to, SIZE, 15);
		close(to);
	}
	return km_finish();
}
