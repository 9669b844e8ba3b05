// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Small writes at the end of a file of ext4, each brought to the disk: file_write_and_wait_range(), do_writepages(),
 * folio_clear_dirty_for_io(), folio_end_writeback(), and a commit of the journal. The size changes each time: so each
 * fsync() has to commit, whenever it comes.
 */
#include "../common.h"

#define CALLS 60
#define BYTES 512

static bool append(int fd, const void *p)
{
	return write(fd, p, BYTES) == BYTES && !fsync(fd);
}

static void check(int fd)
{
	uint64_t words[BYTES / sizeof(uint64_t)];

	make_cold(fd, CALLS * BYTES);
	for (size_t i = 0; i < CALLS; i++) {
		if (pread(fd, words, BYTES, i * BYTES) != BYTES)
			km_fail("what was appended cannot be read");
		for (size_t n = 0; n < BYTES / sizeof(uint64_t); n++)
			if (words[n] != word_of(i, 6))
				km_fail("call %zu has written something else", i);
	}
}

int main(int argc, char **argv)
{
	uint64_t *words;

	km_start(argc, argv);
	km_mount_ram(EXT4);
	words = buffer(CALLS * BYTES);
	for (size_t i = 0; i < CALLS * BYTES / sizeof(uint64_t); i++)
		words[i] = word_of(i * sizeof(uint64_t) / BYTES, 6);
	while (km_pass()) {
		int fd = ext4_open(O_CREAT | O_EXCL), done = 0;

		ext4_settle();
		km_begin();
		for (size_t i = 0; i < CALLS; i++)
			done += append(fd, (char *)words + i * BYTES);
		km_end(CALLS);
		if (done != CALLS)
			km_fail("%d of %d calls have written", done, CALLS);
		check(fd);
		if (close(fd) || unlink(EXT4_FILE))
			km_fail("unlink");
	}
	return km_finish();
}
