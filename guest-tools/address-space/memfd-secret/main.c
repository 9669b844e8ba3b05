// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that the kernel itself cannot reach: secretmem_fault(), set_direct_map_invalid_noflush(),
 * secretmem_free_folio(). Pages of one file are touched, and those of another freed.
 */
#include <sys/uio.h>

#include "../common.h"

#define PAGES 1024

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

struct secret {
	int fd;
	char *p;
};

static struct secret new_secret(char *where, size_t size)
{
	struct secret secret = { .fd = syscall(SYS_memfd_secret, 0) };

	if (secret.fd < 0 || ftruncate(secret.fd, size))
		km_fail("memfd_secret");
	secret.p = km_map(where, size, RW, MAP_SHARED | MAP_FIXED, secret.fd);
	return secret;
}

/* Nobody else can read it, not even for us. */
static void check_secret(char *p)
{
	char seen[16];
	struct iovec to = { seen, sizeof(seen) }, from = { p, sizeof(seen) };

	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) > 0)
		km_fail("the kernel can read a secret page");
	errno = 0;
}

static void need_secrets(void)
{
	int fd = syscall(SYS_memfd_secret, 0);

	if (fd < 0 && errno == ENOSYS)
		km_absent("this kernel has no memfd_secret(), or it is off (secretmem.enable)");
	if (fd < 0)
		km_fail("memfd_secret");
	close(fd);
}

int main(int argc, char **argv)
{
	char *rooms[2];
	size_t size;

	start(argc, argv);
	need_secrets();
	size = PAGES * page_size;
	for (int i = 0; i < 2; i++)
		rooms[i] = arena(size);
	while (km_pass()) {
		struct secret old = new_secret(rooms[0], size), fresh = new_secret(rooms[1], size);
		int errors;

		write_numbers(old.p, PAGES);
		km_begin();
		for (size_t i = 0; i < PAGES; i++)
			*(volatile uint64_t *)(fresh.p + i * page_size) = i + 1;
		errors = munmap(old.p, size) + close(old.fd);
		km_end(2 * PAGES);
		if (errors)
			km_fail("munmap, close");
		km_check_pages(fresh.p, PAGES, KM_PRESENT, PAGES);
		for (size_t i = 0; i < PAGES; i++) {
			if (first_word(fresh.p, i) != i + 1 || last_word(fresh.p, i))
				km_fail("page %zu is not what it should be", i);
			check_secret(fresh.p + i * page_size);
		}
		expect_unmapped(old.p);
		close_area(rooms[0], size);
		close_area(rooms[1], size);
		close(fresh.fd);
	}
	return km_finish();
}
