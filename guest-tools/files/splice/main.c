// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages go through pipes: splice() of a cached file (generic_file_splice_read(), later shmem_file_splice_read()) and on
 * to a file (iter_file_splice_write()), vmsplice() of memory (iov_iter_get_pages2(), get_user_pages_fast()), and
 * sendfile() to a socket, out of which they are read.
 */
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../common.h"

#define SIZE ((size_t)2 << 20)	/* of each of the three ways */
#define MOST ((size_t)16 << 10)	/* bytes at once to a socket: less than it takes */

static int through[2], ends[2];

static void make_pipes(void)
{
	if (pipe(through) || socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		km_fail("a pipe and a pair of sockets");
}

/* What is in the pipe goes to the file. */
static size_t drain(int to, size_t size)
{
	ssize_t done = splice(through[0], NULL, to, NULL, size, 0);

	return done < 0 ? 0 : done;
}

/* What a call leaves out is missed in the sum. A pipe that is full is an error: nobody waits for ever. */
static size_t from_file(int from, int to)
{
	size_t done = 0;

	for (size_t at = 0; at < SIZE; at += CHUNK)
		if (splice(from, NULL, through[1], NULL, CHUNK, SPLICE_F_NONBLOCK) == (ssize_t)CHUNK)
			done += drain(to, CHUNK);
	return done;
}

static size_t from_memory(unsigned char *p, int to)
{
	size_t done = 0;

	for (size_t at = 0; at < SIZE; at += CHUNK) {
		struct iovec piece = { p + at, CHUNK };

		if (vmsplice(through[1], &piece, 1, SPLICE_F_NONBLOCK) == (ssize_t)CHUNK)
			done += drain(to, CHUNK);
	}
	return done;
}

static size_t to_socket(int from, unsigned char *p)
{
	size_t done = 0;
	off_t where = 0;

	for (size_t at = 0; at < SIZE; at += MOST)
		if (sendfile(ends[0], from, &where, MOST) == (ssize_t)MOST)
			done += recv(ends[1], p + at, MOST, MSG_WAITALL);
	return done;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size();
	unsigned char *p, *received;
	int from;

	km_start(argc, argv);
	make_pipes();
	p = buffer(SIZE);
	received = buffer(SIZE);
	fill(p, SIZE, 0, 10);
	from = km_memfd(SIZE);
	write_file(from, SIZE, 11);
	while (km_pass()) {
		int to[2] = { km_memfd(0), km_memfd(0) };
		size_t done;

		memset(received, 0, SIZE);
		if (lseek(from, 0, SEEK_SET))
			km_fail("lseek");
		km_begin();
		done = from_file(from, to[0]);
		done += from_memory(p, to[1]);
		done += to_socket(from, received);
		km_end(3 * SIZE / page_size);
		if (done != 3 * SIZE)
			km_fail("%zu bytes went through, not %zu", done, 3 * SIZE);
		check_file(to[0], SIZE, 11);
		check_file(to[1], SIZE, 10);
		check_words(received, SIZE, 0, 11);
		close(to[0]);
		close(to[1]);
	}
	return km_finish();
}
