// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pools of huge pages, of all sizes, by their files: set_max_huge_pages(), alloc_pool_huge_page(),
 * adjust_pool_surplus(), gather_surplus_pages(), alloc_surplus_huge_page(), demote_pool_huge_page(). Where there is a
 * size above what the page allocator has, alloc_contig_pages().
 */
#include "../common.h"

#define SIZES "/sys/kernel/mm/hugepages"
#define NODE "/sys/devices/system/node/node0/hugepages"
#define OVERCOMMIT "/proc/sys/vm/nr_overcommit_hugepages"
#define MOST 8
#define FEW 4	/* pages */
#define LARGEST (32 << 10)	/* KiB: more may not be found */

static struct size {
	long kib;
	bool demotes;
	char files[7][96];	/* nr, mempolicy's, overcommit, of the node, free, reserved, surplus */
	char demote[96], demote_size[96];
} sizes[MOST];
static int count;
static size_t huge;
static char *area;

static void find_sizes(void)
{
	static const char *const names[] = { "nr_hugepages", "nr_hugepages_mempolicy", "nr_overcommit_hugepages",
					     NULL, "free_hugepages", "resv_hugepages", "surplus_hugepages" };
	DIR *folder = opendir(SIZES);
	struct dirent *entry;
	long kib;

	if (!folder)
		km_absent("this kernel has no " SIZES);
	while (count < MOST && (entry = readdir(folder))) {
		struct size *s = &sizes[count];

		if (sscanf(entry->d_name, "hugepages-%ldkB", &kib) != 1 || kib > LARGEST)
			continue;
		s->kib = kib;
		for (int i = 0; i < 7; i++)
			if (names[i])
				snprintf(s->files[i], sizeof(s->files[i]), SIZES "/hugepages-%ldkB/%s", kib, names[i]);
		snprintf(s->files[3], sizeof(s->files[3]), NODE "/hugepages-%ldkB/nr_hugepages", kib);
		snprintf(s->demote, sizeof(s->demote), SIZES "/hugepages-%ldkB/demote", kib);
		snprintf(s->demote_size, sizeof(s->demote_size), SIZES "/hugepages-%ldkB/demote_size", kib);
		s->demotes = !access(s->demote, F_OK);
		for (int i = 0; i < 4; i++)
			if (access(s->files[i], F_OK))
				s->files[i][0] = 0;	/* no NUMA */
		count++;
	}
	closedir(folder);
	errno = 0;
}

/* A pool of any size: up and down again by each of its files, and a page of it made into smaller ones. */
static void pool_of(struct size *s)
{
	long few = s->kib > 2048 ? 1 : FEW;
	char text[64];

	for (int i = 0; i < 4; i++) {
		if (!s->files[i][0] || (i == 2 && s->kib > 2048))	/* no surplus of what is gigantic */
			continue;
		must(km_put_number(s->files[i], few));
		must(number_of(s->files[i]) == few);
		must(i == 2 || number_of(s->files[4]) == few);
		must(km_put_number(s->files[i], 0));
	}
	must(!number_of(s->files[5]) && !number_of(s->files[6]));
	if (!s->demotes)
		return;
	must(km_text(s->demote_size, text, sizeof(text)) > 0);
	text[strcspn(text, "\n")] = 0;
	if (!km_put(s->demote_size, text))	/* below the least that the pools of a PMD have */
		return;
	must(km_put_number(s->files[0], 1) && km_put_number(s->demote, 1));
	must(!number_of(s->files[0]));
	for (int i = 0; i < count; i++)
		must(km_put_number(sizes[i].files[0], 0));
}

/* Pages beyond the pool: promised, taken by a fault, and what the pool's shrinking makes of those in use. */
static void surplus(void)
{
	must(km_put_number(OVERCOMMIT, 2 * FEW));
	km_map(area, FEW * huge, RW, ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1);
	must(km_number_in("/proc/meminfo", "HugePages_Surp") == FEW);
	area[0] = 1;
	must(!munmap(area, FEW * huge));
	must(!km_number_in("/proc/meminfo", "HugePages_Total"));
	km_map(area, FEW * huge, RW, ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE | MAP_FIXED, -1);
	area[0] = area[huge] = 1;
	must(km_number_in("/proc/meminfo", "HugePages_Surp") == 2);
	must(km_put_number(POOL, FEW) && km_number_in("/proc/meminfo", "HugePages_Total") == FEW);
	must(km_put_number(POOL, 0) && km_number_in("/proc/meminfo", "HugePages_Surp") == 2);
	must(!munmap(area, FEW * huge));
	must(km_put_number(OVERCOMMIT, 0));
	must(mmap(area, FEW * huge, RW, ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1, 0) == MAP_FAILED);
	must(km_put_number("/proc/sys/vm/nr_hugepages_mempolicy", 1) || errno == ENOENT);
	must(km_put_number(POOL, 0));
}

/* Whatever else tells of them. */
static void told(void)
{
	char text[4096];

	must(km_text("/proc/meminfo", text, sizeof(text)) > 0 && strstr(text, "HugePages_Total:"));
	must(km_text("/sys/devices/system/node/node0/meminfo", text, sizeof(text)) < 0 ||
	     strstr(text, "HugePages_Free:"));
	must(number_of(OVERCOMMIT) == 0 && number_of(POOL) == 0);
	must(km_text("/proc/self/status", text, sizeof(text)) > 0 && strstr(text, "HugetlbPages:"));
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	huge = km_hugetlb_pool(0);
	km_keep(OVERCOMMIT);
	find_sizes();
	area = room(FEW * huge, huge);
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < count; i++)
			pool_of(&sizes[i]);
		surplus();
		told();
		km_end(1);
		errno = 0;
		check_pool(0);
		close_room(area, FEW * huge);
	}
	return km_finish();
}
