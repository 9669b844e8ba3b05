// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /proc/PID/maps, smaps, pagemap, clear_refs, cmdline; /proc/vmallocinfo, kcore (vread(), of 6.1), kpageflags, pagetypeinfo;
 * debugfs: page_tables (where there), fault_around_bytes, split_huge_pages, extfrag.
 */
#include "../common.h"

#define ROUNDS 4
#define PAGES 256
#define HUGE_AREA ((size_t)4 << 20)

static const char *const of_process[] = {
	"/proc/self/maps", "/proc/self/smaps", "/proc/self/smaps_rollup", "/proc/self/numa_maps", "/proc/self/environ",
	"/proc/self/cmdline", "/proc/self/statm", "/proc/self/status", "/proc/self/auxv", "/proc/self/limits",
	"/proc/self/stat", "/proc/self/oom_score", "/proc/self/ksm_stat", "/proc/self/arch_status", "/proc/1/smaps",
	"/proc/1/cmdline",
};

static const char *const of_kernel[] = {
	"/proc/vmallocinfo", "/proc/meminfo", "/proc/zoneinfo", "/proc/buddyinfo", "/proc/pagetypeinfo", "/proc/swaps",
	"/proc/slabinfo", "/proc/iomem", KM_THP "enabled", KM_THP "shmem_enabled", KM_THP "defrag",
	"/sys/devices/system/node/node0/meminfo", "/sys/devices/system/node/node0/vmstat",
	"/sys/devices/system/node/node0/numastat",
	KM_DEBUGFS "extfrag/extfrag_index", KM_DEBUGFS "extfrag/unusable_index",
	KM_DEBUGFS "fault_around_bytes", KM_DEBUGFS "shrinker/count",
	KM_DEBUGFS "memblock/memory", KM_DEBUGFS "memblock/reserved",
	KM_DEBUGFS "page_tables/current_user", KM_DEBUGFS "page_tables/current_kernel",
};

static void read_those(const char *const *paths, size_t count, size_t most)
{
	for (size_t i = 0; i < count; i++)
		if (is_there(paths[i]))
			read_all(paths[i], most);
	errno = 0;
}

static void pagemap(char *p)
{
	static uint64_t entries[PAGES];
	int fd = open("/proc/self/pagemap", O_RDONLY), cleared = open("/proc/self/clear_refs", O_WRONLY);
	off_t at = (uintptr_t)p / page_size * 8;

	must(fd >= 0 && pread(fd, entries, sizeof(entries), at) == sizeof(entries) && entries[3] & KM_PRESENT);
	must(cleared >= 0 && write(cleared, "1", 1) == 1 && write(cleared, "2", 1) == 1 && write(cleared, "3", 1) == 1);
	if (write(cleared, "4", 1) == 1) {	/* soft-dirty, of 6.1 on x86_64 and s390x */
		must(pread(fd, entries, 8, at) == 8 && !(entries[0] & 1ull << 55));
		km_fill(p, 1);
		must(pread(fd, entries, 8, at) == 8);
	}
	must(write(cleared, "5", 1) == 1 && !km_unlike(p, PAGES) && !close(fd) && !close(cleared));
}

static void frames(void)
{
	static const char *const paths[] = { "/proc/kpageflags", "/proc/kpagecount", "/proc/kpagecgroup" };
	static uint64_t words[2048];

	for (int i = 0; i < 3; i++) {
		int fd = open(paths[i], O_RDONLY);

		if (fd >= 0)
			must(pread(fd, words, sizeof(words), 4096 * 8) > 0 && !close(fd));
		errno = 0;
	}
}

/* The kernel's memory as a core file: the start of each of its parts, vmalloc's among them. */
static void kcore(void)
{
	static struct { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; } parts[16];
	static char text[8192];
	int fd = open("/proc/kcore", O_RDONLY);
	uint16_t count;
	uint64_t at;

	errno = 0;
	if (fd < 0)
		return;
	must(pread(fd, text, 64, 0) == 64 && !memcmp(text + 1, "ELF", 3));
	memcpy(&at, text + 32, 8);
	memcpy(&count, text + 56, 2);
	if (count > 16)
		count = 16;
	must(pread(fd, parts, count * sizeof(*parts), at) == (ssize_t)(count * sizeof(*parts)));
	for (int i = 0; i < count; i++)
		if (parts[i].type == 1 && pread(fd, text, sizeof(text), parts[i].offset) < 0)
			errno = 0;
	must(!close(fd));
}

static void vmalloc_areas(void)
{
	char line[256];
	FILE *file = fopen("/proc/vmallocinfo", "r");
	static struct { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; } parts[16];
	static char text[4096];
	int fd = open("/proc/kcore", O_RDONLY), lines = 0;
	uint64_t at, from = 0, to;
	uint16_t count;

	errno = 0;
	if (!file || fd < 0)
		goto out;
	must(pread(fd, text, 64, 0) == 64);
	memcpy(&at, text + 32, 8);
	memcpy(&count, text + 56, 2);
	count = count > 16 ? 16 : count;
	must(pread(fd, parts, count * sizeof(*parts), at) > 0);
	while (fgets(line, sizeof(line), file) && lines < 64) {
		if (sscanf(line, "0x%lx-0x%lx", &from, &to) != 2 || !from || !strstr(line, "vmalloc"))
			continue;
		lines++;
		for (int i = 0; i < count; i++)
			if (parts[i].type == 1 && from >= parts[i].vaddr && from < parts[i].vaddr + parts[i].memsz)
				must(pread(fd, text, 64, from - parts[i].vaddr + parts[i].offset) >= 0);
	}
out:
	errno = 0;
	if (file)
		fclose(file);
	if (fd >= 0)
		close(fd);
}

static void split(char *huge, int fd)
{
	char text[128];

	if (!is_there(KM_DEBUGFS "split_huge_pages"))
		return;
	*(volatile char *)huge = 1;
	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(), (long)huge, (long)(huge + HUGE_AREA));
	must(km_put(KM_DEBUGFS "split_huge_pages", text));
	must(pwrite(fd, "x", 1, 0) == 1);
	must(km_put(KM_DEBUGFS "split_huge_pages", "/tmp/memory-huge/file,0x0,0x400"));
	must(*(volatile char *)huge == 1);
}

static void settings(void)
{
	static const char *const shmem[] = { "advise", "within_size", "always", "deny", "force", "never" };

	if (is_there(KM_THP "shmem_enabled"))
		for (int i = 0; i < 6; i++) {
			must(km_put(KM_THP "shmem_enabled", shmem[i]));
			read_all(KM_THP "shmem_enabled", 100);
		}
	if (is_there(KM_DEBUGFS "fault_around_bytes")) {
		must(km_put(KM_DEBUGFS "fault_around_bytes", "4096"));
		must(km_read(KM_DEBUGFS "fault_around_bytes") == 4096);
		must(km_put(KM_DEBUGFS "fault_around_bytes", "65536"));
	}
}

int main(int argc, char **argv)
{
	char *p, *huge;
	int fd;

	begin_program(argc, argv);
	make_folder("/tmp/memory-huge");
	if (!km_has_debugfs())
		km_note("no debugfs here: /proc and /sys only");
	if (mount("none", "/tmp/memory-huge", "tmpfs", 0, "huge=always"))
		must(!mount("none", "/tmp/memory-huge", "tmpfs", 0, NULL));
	fd = open("/tmp/memory-huge/file", O_CREAT | O_RDWR, 0600);
	must(fd >= 0);
	p = anonymous(PAGES);
	km_fill(p, PAGES);
	while (km_pass()) {
		must(!ftruncate(fd, HUGE_AREA));
		huge = km_map(NULL, HUGE_AREA, RW, ANON, -1);
		madvise(huge, HUGE_AREA, MADV_HUGEPAGE);
		errno = 0;
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			read_those(of_process, sizeof(of_process) / sizeof(*of_process), 1 << 20);
			read_those(of_kernel, sizeof(of_kernel) / sizeof(*of_kernel), 1 << 16);
			pagemap(p);
			frames();
			kcore();
			if (!i)
				vmalloc_areas();
			split(huge, fd);
			settings();
		}
		km_end(ROUNDS);
		must(!munmap(huge, HUGE_AREA) && !ftruncate(fd, 0));
	}
	close(fd);
	umount("/tmp/memory-huge");
	return km_finish();
}
