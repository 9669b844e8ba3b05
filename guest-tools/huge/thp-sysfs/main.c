// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each file of transparent huge pages and of khugepaged: read, set to all that it can be, put back. enabled_store(),
 * defrag_store(), start_stop_khugepaged(), max_ptes_none_store(); a value that is refused, too. Once a pass, all huge
 * pages that there are in memory are split by debugfs: split_huge_pages_all().
 */
#include "../common.h"

#define ROUNDS 6	/* a pass */
#define SPLIT KM_DEBUGFS "split_huge_pages"
#define FILES 32

static struct setting {
	char path[128], was[16];
	bool choice;	/* of several words */
	char words[8][16];
	int count;
} settings[FILES];
static int setting_count;
static bool can_split;

static void add(const char *folder, const char *name)
{
	struct setting *s = &settings[setting_count];
	char text[256], *word, *rest = text;
	struct stat stat;

	snprintf(s->path, sizeof(s->path), "%s%s", folder, name);
	if (lstat(s->path, &stat) || !S_ISREG(stat.st_mode) || km_text(s->path, text, sizeof(text)) <= 0)
		return;
	s->count = 0;
	s->choice = strchr(text, '[');
	while ((word = strsep(&rest, " \n"))) {
		if (!*word || s->count == 8 || strlen(word) >= sizeof(*s->words) + 2)
			continue;
		if (*word == '[') {
			word++;
			word[strlen(word) - 1] = 0;
			strcpy(s->was, word);
		}
		strcpy(s->words[s->count++], word);
	}
	if (!s->choice)
		strcpy(s->was, s->words[0]);
	setting_count++;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct setting *)a)->path, ((const struct setting *)b)->path);
}

static void find(const char *folder)
{
	struct dirent *entry;
	DIR *all = opendir(folder);

	while (all && setting_count < FILES && (entry = readdir(all)))
		add(folder, entry->d_name);
	if (all)
		closedir(all);
}

/* How many steps failed. */
static int all_values(const struct setting *s)
{
	char text[256];
	int failed = km_text(s->path, text, sizeof(text)) <= 0;

	if (access(s->path, W_OK) || !km_put(s->path, s->was))
		return failed;	/* such as how many pages were collapsed */
	failed += km_put(s->path, "-1") || km_put(s->path, "other");
	for (int i = 0; s->choice && i < s->count; i++)
		failed += !km_put(s->path, s->words[i]);
	if (!s->choice && s->was[0] > '1')
		km_put_number(s->path, strtol(s->was, NULL, 10) - 1);
	else if (!s->choice && (!strcmp(s->was, "0") || !strcmp(s->was, "1")))
		km_put(s->path, s->was[0] == '1' ? "0" : "1");
	return failed + !km_put(s->path, s->was);
}

int main(int argc, char **argv)
{
	km_start(argc, argv);
	km_thp_size();
	can_split = km_has_debugfs() && !access(SPLIT, W_OK);
	errno = 0;
	find(KM_THP);
	find(KM_THP "khugepaged/");
	qsort(settings, setting_count, sizeof(*settings), by_path);
	while (km_pass()) {
		char text[256], now[32];
		int failed = 0;

		km_begin();
		for (int i = 0; i < ROUNDS; i++)
			for (int n = 0; n < setting_count; n++)
				failed += all_values(&settings[n]);
		failed += can_split && !km_put(SPLIT, "1");
		km_end(ROUNDS);
		if (failed)
			km_fail("%d steps of %d files failed", failed, setting_count);
		for (int n = 0; n < setting_count; n++) {
			snprintf(now, sizeof(now), settings[n].choice ? "[%s]" : "%s\n", settings[n].was);
			if (km_text(settings[n].path, text, sizeof(text)) <= 0 || !strstr(text, now))
				km_fail("%s is not what it was: %s", settings[n].path, text);
		}
		errno = 0;
	}
	return km_finish();
}
