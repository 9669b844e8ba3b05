// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads every attribute of caches below /sys/kernel/slab, writes those that can be set, shrinks each, and reads
 * /proc/slabinfo: show_slab_objects(), count_partial(), __kmem_cache_shrink(), get_slabinfo(). Then caches that are
 * made and removed: kmem_cache_create() and kmem_cache_destroy(), by zram's allocator.
 */
#include <dirent.h>

#define TEXT (1 << 16)
#include "../common.h"

#define SLAB "/sys/kernel/slab"
#define CACHES 32
#define ATTRIBUTES 48
#define ZRAM "/sys/block/zram0/"

static char caches[CACHES][64], attributes[ATTRIBUTES][40];
static int folders[CACHES], cache_count, attribute_count;

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Caches that stand for themselves alone, in the order of their names: the same in every boot. */
static void find_caches(void)
{
	static char all[512][64];
	struct dirent *entry;
	int count = 0;
	DIR *folder = opendir(SLAB);

	if (!folder)
		km_absent("this kernel has no " SLAB);
	while (count < 512 && (entry = readdir(folder)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && strlen(entry->d_name) < sizeof(*all))
			strcpy(all[count++], entry->d_name);
	closedir(folder);
	qsort(all, count, sizeof(*all), by_name);
	for (; cache_count < CACHES && cache_count < count; cache_count++) {
		strcpy(caches[cache_count], all[cache_count * (long)count / CACHES]);
		snprintf(text, 128, SLAB "/%s", caches[cache_count]);
		folders[cache_count] = open(text, O_RDONLY | O_DIRECTORY);
		if (folders[cache_count] < 0)
			km_fail("%s", text);
	}
}

static void find_attributes(void)
{
	struct dirent *entry;
	DIR *folder;

	snprintf(text, 128, SLAB "/%s", caches[0]);
	folder = opendir(text);
	while (folder && attribute_count < ATTRIBUTES && (entry = readdir(folder)))
		if (entry->d_type == DT_REG && strlen(entry->d_name) < sizeof(*attributes))
			strcpy(attributes[attribute_count++], entry->d_name);
	if (!folder)
		km_fail("%s", text);
	closedir(folder);
	qsort(attributes, attribute_count, sizeof(*attributes), by_name);
}

static bool write_at(int folder, const char *name, const char *value)
{
	int fd = openat(folder, name, O_WRONLY);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return done;
}

/* How many attributes could not be read; objects is what the cache says that it holds. */
static int read_cache(int folder, long *objects)
{
	int failed = 0;

	for (int i = 0; i < attribute_count; i++) {
		failed += read_at(folder, attributes[i]) < 0;
		if (!strcmp(attributes[i], "total_objects"))
			*objects += strtol(text, NULL, 10);
	}
	return failed;
}

/* Sets it to what it is, and then it is shrunk. */
static int write_cache(int folder)
{
	static const char *const settable[] = { "min_partial", "cpu_partial", "remote_node_defrag_ratio" };
	int failed = 0;

	for (size_t i = 0; i < sizeof(settable) / sizeof(*settable); i++) {
		if (read_at(folder, settable[i]) < 0)
			continue;	/* no NUMA */
		text[strcspn(text, "\n")] = 0;
		failed += !write_at(folder, settable[i], text);
	}
	write_at(folder, "validate", "1");	/* EINVAL: its objects are not watched */
	return failed + !write_at(folder, "shrink", "1");
}

static int make_caches(void)
{
	if (access(ZRAM "disksize", W_OK))
		return 0;
	return !km_put(ZRAM "disksize", "1048576") + !km_put(ZRAM "reset", "1");
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	make_text();
	find_caches();
	find_attributes();
	while (km_pass()) {
		int failed = 0, failed_to_write = 0, made;
		ssize_t told, refused;
		long objects = 0;

		km_begin();
		for (int i = 0; i < cache_count; i++)
			failed += read_cache(folders[i], &objects);
		for (int i = 0; i < cache_count; i++)
			failed_to_write += write_cache(folders[i]);
		refused = km_put("/proc/slabinfo", "1");
		told = read_at(AT_FDCWD, "/proc/slabinfo");
		made = make_caches();
		km_end(1);
		if (failed || failed_to_write || made)
			km_fail("%d files could not be read, %d not be written, %d of zram", failed, failed_to_write,
				made);
		if (told < 1000 || refused || strncmp(text, "slabinfo - version", 18))
			km_fail("/proc/slabinfo has %zd bytes", told);
		if (objects <= 0)
			km_fail("%d caches hold no objects", cache_count);
		errno = 0;
	}
	return km_finish();
}
