// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * scan_shadow_nodes() and shadow_lru_isolate(): of a sparse file one page in each node of its tree is read and reclaimed
 * by a cgroup; half is read again; then nodes with no page in them are freed (drop_caches).
 */
#include "../files.h"

#define FOLDER "/tmp/ramfs"
#define FILE_NAME FOLDER "/sparse"
#define PAGES 1024
#define STEP 64	/* pages in a node */
#define DROP "/proc/sys/vm/drop_caches"

static size_t page_size;

static int read_all(int fd, void *page, size_t every)
{
	int failed = 0;

	for (size_t i = 0; i < PAGES; i += every)
		failed += pread(fd, page, page_size, (off_t)i * STEP * page_size) != (ssize_t)page_size;
	return failed;
}

int main(int argc, char **argv)
{
	unsigned char *page;
	int trigger, fd;

	page_size = km_page_size();
	km_start(argc, argv);
	trigger = cgroup_with_reclaim();
	km_mount_ram(FOLDER);
	fd = open(FILE_NAME, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)PAGES * STEP * page_size) || posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM))
		km_fail(FILE_NAME);
	page = km_anonymous(page_size);
	errno = 0;
	while (km_pass()) {
		long long before = km_count("workingset_nodereclaim"), refaults = km_count("workingset_refault_file");
		int failed = 0;

		cgroup_enter();
		km_begin();
		failed += read_all(fd, page, 1);
		reclaim(trigger, PAGES / 8 * 7 * page_size);
		failed += read_all(fd, page, 2);
		reclaim(trigger, PAGES / 4 * page_size);
		failed += !km_put(DROP, "2");
		km_end(PAGES);
		cgroup_leave();
		errno = 0;
		if (failed)
			km_fail("%d calls failed", failed);
		km_check_count("workingset_nodereclaim", before, 1);
		km_check_count("workingset_refault_file", refaults, 1);
		if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
			km_fail("posix_fadvise");
	}
	return km_finish();
}
