// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The files of a cgroup's memory controller: memory_*_show() and memory_*_write(), effective_protection(),
 * mem_cgroup_attach(), and mem_cgroup_charge_skmem() of a socket.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "../files.h"

#define ROUNDS 10
#define PAGES 256
#define DATAGRAM 16384
#define A CGROUP "/a/"
#define B CGROUP "/b/"

static const struct {
	const char *path, *value, *back;
} settings[] = {
	{ A "memory.min", "262144", "0" },
	{ A "memory.low", "524288", "0" },
	{ A "memory.high", "1073741824", "max" },
	{ A "memory.max", "2147483648", "max" },
	{ A "memory.oom.group", "1", "0" },
	{ A "memory.swap.high", "1048576", "max" },
	{ A "memory.swap.max", "2097152", "max" },
	{ A "memory.zswap.max", "4096", "max" },
	{ B "memory.low", "max", "0" },
};

static const char *const shown[] = {
	A "memory.current", A "memory.peak", A "memory.events", A "memory.events.local", A "memory.stat",
	A "memory.numa_stat", A "memory.swap.current", A "memory.swap.peak", A "memory.swap.events",
	A "memory.zswap.current", A "memory.pressure", CGROUP "/memory.events", CGROUP "/memory.stat",
};

static size_t page_size;

static int change_settings(bool back)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		failed += change_setting(settings[i].path, back ? settings[i].back : settings[i].value);
	return failed;
}

/* A socket that sends to itself: what waits in it is charged to the cgroup. */
static int use_socket(void *data)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int failed, fd = socket(AF_INET, SOCK_DGRAM, 0);

	failed = fd < 0 || bind(fd, (struct sockaddr *)&address, length) ||
		 getsockname(fd, (struct sockaddr *)&address, &length) ||
		 connect(fd, (struct sockaddr *)&address, length);
	for (int i = 0; i < 4; i++)
		failed |= send(fd, data, DATAGRAM, 0) != DATAGRAM;
	for (int i = 0; i < 4; i++)
		failed |= recv(fd, data, DATAGRAM, MSG_DONTWAIT) != DATAGRAM;
	close(fd);
	return failed;
}

static int one_round(unsigned char *p, int disk, void *page)
{
	int failed = !km_put(A "cgroup.procs", "0");

	touch(p, PAGES, page_size);
	failed += !!read_disk(disk, PAGES, page, page_size);
	failed += use_socket(p);
	failed += change_settings(false);
	failed += count_unread(shown, sizeof(shown) / sizeof(*shown), 1);
	failed += read_file(A "memory.current") <= 0 || atoll(file_text) < (long long)(PAGES * page_size);
	failed += !km_put(B "cgroup.procs", "0");
	km_put_number(CGROUP "/memory.reclaim", PAGES / 4 * page_size);	/* an error: not all of it */
	failed += change_settings(true);
	failed += !km_put(CGROUPS "/cgroup.procs", "0");
	madvise(p, PAGES * page_size, MADV_DONTNEED);
	posix_fadvise(disk, 0, 0, POSIX_FADV_DONTNEED);
	return failed;
}

static void remove_groups(void)
{
	km_put(CGROUPS "/cgroup.procs", "0");
	rmdir(A);
	rmdir(B);
}

int main(int argc, char **argv)
{
	unsigned char *p;
	void *page;
	int disk;

	page_size = km_page_size();
	km_start(argc, argv);
	cgroup_make();
	if (atexit(remove_groups))
		km_fail("atexit");
	km_write(CGROUP "/cgroup.subtree_control", "+memory");
	if (mkdir(A, 0700) || mkdir(B, 0700))
		km_fail(A);
	fill_disk(PAGES);
	disk = open_disk(false);
	p = km_anonymous(PAGES * page_size);
	page = km_anonymous(page_size);
	errno = 0;
	while (km_pass()) {
		int failed = 0;

		posix_fadvise(disk, 0, 0, POSIX_FADV_DONTNEED);
		km_begin();
		for (int i = 0; i < ROUNDS; i++)
			failed += one_round(p, disk, page);
		end_steps(ROUNDS, failed);
	}
	return km_finish();
}
