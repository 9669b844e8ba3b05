// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mm/filemap.c, readahead.c, truncate.c and migrate.c on a file with blocks: mapping_seek_hole_data(),
 * invalidate_inode_pages2_range(), count_history_pages(),
 * truncate_inode_partial_folio(), buffer_migrate_folio(), cachestat().
 */
#include <sys/uio.h>

#include "../common.h"

#define AT "/tmp/cache-kinds"
#define ROUNDS 1
#define PAGES 256
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif
#ifndef RWF_DSYNC
#define RWF_DSYNC 2
#endif
#define SYS_cachestat_here 451

static size_t size;
static char *buffer;

static void write_file(int fd)
{
	km_fill(buffer, PAGES);
	must(pwrite(fd, buffer, size, 0) == (ssize_t)size && !fsync(fd));
}

static void drop(int fd)
{
	must(!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
}

static void advice(int fd)
{
	static const int kinds[] = { POSIX_FADV_RANDOM, POSIX_FADV_SEQUENTIAL, POSIX_FADV_NOREUSE, POSIX_FADV_NORMAL };

	for (int k = 0; k < 4; k++) {
		drop(fd);
		must(!posix_fadvise(fd, 0, 0, kinds[k]));
		for (size_t i = 0; i < PAGES; i += 3 + k)	/* gaps */
			must(pread(fd, buffer, 8, i * page_size) == 8 && *(uint64_t *)buffer == km_word(i));
	}
	drop(fd);
	must(!posix_fadvise(fd, 0, size / 2, POSIX_FADV_WILLNEED) && !readahead(fd, size / 2, size / 4));
	for (size_t i = 0; i < PAGES / 2; i++) {	/* two readers, interleaved */
		must(pread(fd, buffer, 8, i * page_size) == 8);
		must(pread(fd, buffer, 8, (PAGES / 2 + i) * page_size) == 8);
		must(*(uint64_t *)buffer == km_word(PAGES / 2 + i));
	}
	must(posix_fadvise(fd, 0, 0, 99) == EINVAL);
}

static void mapped(int fd)
{
	static const int kinds[] = { MADV_RANDOM, MADV_SEQUENTIAL, MADV_NORMAL, MADV_WILLNEED };
	char *p;

	for (int k = 0; k < 4; k++) {
		drop(fd);
		p = km_map(NULL, size, RW, MAP_SHARED, fd);
		must(!madvise(p, size, kinds[k]) && !km_unlike(p, PAGES));
		*(volatile uint64_t *)p = km_word(0);
		must(!msync(p, size, MS_ASYNC) && !msync(p, size / 2, MS_SYNC) && !msync(p, size, MS_SYNC | MS_INVALIDATE));
		must(!munmap(p, size));
		refused(msync(p, page_size, MS_SYNC), ENOMEM);
	}
}

static void direct(int fd)
{
	int other = open(AT "/file", O_RDWR | O_DIRECT);
	char *p;

	must(other >= 0 && pread(fd, buffer, size, 0) == (ssize_t)size);	/* cached */
	must(pwrite(other, buffer, size / 2, 0) == (ssize_t)size / 2);		/* out of the cache they go */
	p = km_map(NULL, size, RW, MAP_SHARED, fd);
	must(!km_unlike(p, PAGES));
	must(pwrite(other, buffer, page_size * 4, 0) == (ssize_t)page_size * 4 && !km_unlike(p, PAGES));
	*(volatile uint64_t *)p = km_word(0);
	must(pread(other, buffer, size, 0) == (ssize_t)size && !km_unlike(buffer, PAGES));
	must(!munmap(p, size) && !close(other));
}

static void at_once(int fd)
{
	struct iovec v = { buffer, page_size };
	ssize_t got;

	drop(fd);
	got = preadv2(fd, &v, 1, 0, RWF_NOWAIT);
	must(got == (ssize_t)page_size || errno == EAGAIN);
	must(pread(fd, buffer, page_size, 0) == (ssize_t)page_size);
	must(preadv2(fd, &v, 1, 0, RWF_NOWAIT) == (ssize_t)page_size);
	must(pwritev2(fd, &v, 1, 0, RWF_DSYNC) == (ssize_t)page_size);
	must(!sync_file_range(fd, 0, size, 7) && !sync_file_range(fd, 0, 0, 2) && !fdatasync(fd) && !syncfs(fd));
	errno = 0;
}

static void holes(void)
{
	int fd = open(AT "/holes", O_CREAT | O_RDWR, 0600);
	off_t page = page_size;

	must(fd >= 0 && !ftruncate(fd, 64 * page) && pwrite(fd, "x", 1, 9 * page + 1) == 1);
	must(!fallocate(fd, 0, 20 * page, 10 * page) && pwrite(fd, "y", 1, 25 * page) == 1);
	must(lseek(fd, 0, SEEK_DATA) <= 9 * page && lseek(fd, 9 * page, SEEK_HOLE) > 9 * page);
	must(lseek(fd, 20 * page, SEEK_DATA) <= 25 * page && lseek(fd, 25 * page, SEEK_HOLE) > 25 * page);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 9 * page + 10, 2 * page) ||
	    fallocate(fd, 0x10, 24 * page, page) || fallocate(fd, 0x08, 0, 4 * page) || fallocate(fd, 0x20, 0, 4 * page))
		must(errno == EOPNOTSUPP);
	errno = 0;
	must(!ftruncate(fd, 9 * page + 5) && !ftruncate(fd, 30 * page + 5) && !fsync(fd));
	must(!close(fd) && !unlink(AT "/holes"));
}

static void cachestat(int fd)
{
	uint64_t range[2] = { 0, size }, stat[5];

	if (syscall(SYS_cachestat_here, fd, range, stat, 0))
		must(errno == ENOSYS);
	else
		must(stat[0] <= PAGES);
	errno = 0;
}

/* Within the node: migrates nothing, or all of them with another node. */
static void migrate(int fd)
{
	char *p = km_map(NULL, size, RW, MAP_SHARED, fd);
	unsigned long both[2] = { 3, 0 }, second[2] = { 2, 0 };

	must(!km_unlike(p, PAGES));
	if (syscall(SYS_mbind, p, size, 2, second, 64, 2) || syscall(SYS_mbind, p, size, 3, both, 64, 2))
		errno = 0;
	must(!km_unlike(p, PAGES) && !munmap(p, size));
}

int main(int argc, char **argv)
{
	begin_program(argc, argv);
	size = PAGES * page_size;
	buffer = anonymous(PAGES);
	km_mount_ram(AT);
	while (km_pass()) {
		int fd = open(AT "/file", O_CREAT | O_RDWR | O_TRUNC, 0600);

		must(fd >= 0);
		write_file(fd);
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			advice(fd);
			mapped(fd);
			write_file(fd);
			direct(fd);
			at_once(fd);
			holes();
			write_file(fd);
			cachestat(fd);
			migrate(fd);
		}
		km_end(ROUNDS);
		must(!ftruncate(fd, 0) && !fsync(fd) && !close(fd));
	}
	return km_finish();
}
