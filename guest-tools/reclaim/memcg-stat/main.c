// SPDX-License-Identifier: GPL-2.0-or-later
/* memory_stat_format(), memory_numa_stat_show() and page_counter_read(): what a cgroup's files tell. */
#include "../common.h"

#define PAGES 1024	/* charged to it */
#define READS 300
#define TEXT 16384

static const char *const paths[] = {
	CGROUP "/memory.stat", CGROUP "/memory.current", CGROUP "/memory.numa_stat",
};

#define FILES (sizeof(paths) / sizeof(paths[0]))

int main(int argc, char **argv)
{
	size_t size = PAGES * km_page_size(), files = 0;
	unsigned char *p;
	char *text = calloc(1, TEXT);
	int fds[FILES];

	km_start(argc, argv);
	cgroup_make();
	cgroup_enter();
	p = km_anonymous(size);	/* not before km_start(), which locks what is there and so charges it */
	km_fill(p, PAGES);
	cgroup_leave();
	for (size_t i = 0; i < FILES; i++) {
		fds[files] = open(paths[i], O_RDONLY);
		if (fds[files] >= 0)
			files++;
		else if (i < 2)
			km_fail("%s", paths[i]);
		else
			km_note("no memory.numa_stat in this kernel: it is not read");
	}
	memset(text, 1, TEXT);
	while (km_pass()) {
		size_t failed = 0;
		long long anon;

		km_begin();
		for (size_t file = 0; file < files; file++)
			for (int i = 0; i < READS; i++)
				failed += pread(fds[file], text, TEXT, 0) <= 0;
		km_end(files * READS);
		if (failed)
			km_fail("%zu reads failed", failed);
		anon = km_number_in(paths[0], "anon");
		if (anon != (long long)size)
			km_fail("memory.stat tells of %lld bytes, not of %zu", anon, size);
		if (km_read(paths[1]) < (long)size)
			km_fail("memory.current is %ld, less than %zu", km_read(paths[1]), size);
	}
	return km_finish();
}
