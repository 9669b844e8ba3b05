// SPDX-License-Identifier: GPL-2.0-or-later
/* First writes to anonymous memory with folios of 64 KiB: alloc_anon_folio(), since Linux 6.8. */
#include <dirent.h>

#include "../common.h"

#define FOLIO ((size_t)64 << 10)
#define FOLIOS 512
#define SIZES 16	/* of folios that a kernel may have */
#define ALIKE "hugepages-"

static struct {
	char path[128], word[32];
} kept[SIZES];
static int kept_count;

static void put_back(void)
{
	while (kept_count--) {
		FILE *file = fopen(kept[kept_count].path, "w");

		if (!file)
			continue;
		fputs(kept[kept_count].word, file);
		fclose(file);
	}
}

/* Remembers the word in brackets. Folios of some sizes are for files only: those have no such setting. */
static bool keep(const char *name)
{
	char text[128] = "", *word, *end;
	FILE *file;

	if (kept_count == SIZES)
		km_fail("more than %d sizes of folios", SIZES);
	snprintf(kept[kept_count].path, sizeof(kept->path), KM_THP "%.60s/enabled", name);
	file = fopen(kept[kept_count].path, "r");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file) || !(word = strchr(text, '[')) || !(end = strchr(word, ']')))
		km_fail("%s", kept[kept_count].path);
	fclose(file);
	*end = 0;
	snprintf(kept[kept_count].word, sizeof(kept->word), "%.30s", word + 1);
	kept_count++;
	return true;
}

/* Folios of 64 KiB, and of no other size. */
static void choose_size(void)
{
	DIR *folder;

	if (access(KM_THP ALIKE "64kB/enabled", F_OK))
		km_absent("this kernel has no huge pages of 64 KiB");
	folder = opendir(KM_THP);
	if (!folder || atexit(put_back))
		km_fail(KM_THP);
	for (struct dirent *entry; (entry = readdir(folder)); ) {
		if (strncmp(entry->d_name, ALIKE, strlen(ALIKE)) || !keep(entry->d_name))
			continue;
		km_write(kept[kept_count - 1].path, strcmp(entry->d_name, ALIKE "64kB") ? "never" : "always");
	}
	closedir(folder);
	errno = 0;
}

int main(int argc, char **argv)
{
	size_t page_size = km_page_size(), size = FOLIOS * FOLIO;

	km_start(argc, argv);
	choose_size();
	while (km_pass()) {
		unsigned char *p = map_apart(size, KM_TABLE, ANONYMOUS, -1);

		write_each(p, FOLIOS, FOLIO);
		/* A page of each folio was written, and all pages are there. */
		km_check_pages(p, size / page_size, KM_PRESENT, size / page_size);
		check_and_unmap(p, size, FOLIO);
	}
	return km_finish();
}
