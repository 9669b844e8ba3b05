// SPDX-License-Identifier: GPL-2.0
/*
 * Prefix command for ccache's preprocessor runs (CCACHE_PREFIX_CPP): runs
 * "compiler ... -E ..." and takes enumerators that the translation unit never
 * uses out of the text that ccache hashes.  ccache compiles from the original
 * source (run_second_cpp, its default), so the text is only ever hashed.
 *
 * An enumerator goes if nothing else can depend on it:
 *   - its name stands nowhere else in the whole preprocessed text,
 *   - its value is a literal from 0 to INT_MAX, perhaps behind one cast,
 *   - the next enumerator has a value of its own, or there is none,
 *   - another one stays, and no attribute on the enum makes its size follow its values.
 * Lines stay where they are.  With debug information (which lists enumerators)
 * and with everything not understood the text goes through untouched.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct name { const char *s; unsigned len, hash, count; };
struct tok { const char *s; unsigned len; char kind; struct name *name; };	/* kind: i(dentifier) n(umber) or the character */
struct item { int from, to, value; };	/* tokens [from, to); value: token after '=', or -1 */

static struct name **tab; static unsigned tabsize, used;

static struct name *intern(const char *s, unsigned len)
{
	unsigned h = 2166136261u, i;
	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 16777619u;
	if (used * 2 >= tabsize) {
		struct name **old = tab; unsigned n = tabsize;
		tabsize = tabsize ? tabsize * 2 : 1 << 16;
		tab = calloc(tabsize, sizeof(*tab));
		if (!tab) abort();
		for (unsigned k = 0; k < n; k++)
			if (old[k]) {
				i = old[k]->hash & (tabsize - 1);
				while (tab[i]) i = (i + 1) & (tabsize - 1);
				tab[i] = old[k];
			}
		free(old);
	}
	for (i = h & (tabsize - 1); tab[i]; i = (i + 1) & (tabsize - 1))
		if (tab[i]->hash == h && tab[i]->len == len && !memcmp(tab[i]->s, s, len))
			return tab[i];
	struct name *n = malloc(sizeof(*n));
	if (!n) abort();
	*n = (struct name){ s, len, h, 0 };
	used++;
	return tab[i] = n;
}

static struct tok *toks; static size_t ntoks, captoks;

static void lex(const char *p, const char *end)
{
	int bol = 1;
	while (p < end) {
		const char *s = p; char kind;
		if (*p == '\n') { bol = 1; p++; continue; }
		if (isspace((unsigned char)*p)) { p++; continue; }
		if (bol && *p == '#') {		/* line marker or #pragma: names in it count */
			const char *nl = memchr(p, '\n', end - p);
			if (!nl) nl = end;
			for (int quoted = 0; p < nl; ) {
				if (*p == '"') { quoted = !quoted; p++; }
				else if (!quoted && (isalpha((unsigned char)*p) || *p == '_')) {
					for (s = p; p < nl && (isalnum((unsigned char)*p) || *p == '_'); p++) ;
					intern(s, p - s)->count++;
				} else p++;
			}
			continue;
		}
		bol = 0;
		if (isalpha((unsigned char)*p) || *p == '_' || *p == '$') {
			while (p < end && (isalnum((unsigned char)*p) || *p == '_' || *p == '$')) p++;
			kind = 'i';
		} else if (isdigit((unsigned char)*p) || (*p == '.' && p + 1 < end && isdigit((unsigned char)p[1]))) {
			while (p < end && (isalnum((unsigned char)*p) || *p == '_' || *p == '.')) p++;
			kind = 'n';
		} else if (*p == '"' || *p == '\'') {
			for (p++; p < end && *p != *s && *p != '\n'; p++)
				if (*p == '\\') p++;
			p++;
			kind = '"';
		} else
			kind = *p++;
		if (p > end) p = end;
		if (ntoks == captoks) {
			captoks = captoks ? captoks * 2 : 1 << 18;
			toks = realloc(toks, captoks * sizeof(*toks));
			if (!toks) abort();
		}
		struct tok *t = &toks[ntoks++];
		*t = (struct tok){ s, p - s, kind, NULL };
		if (kind == 'i')
			(t->name = intern(s, t->len))->count++;
	}
}

static int is(size_t i, const char *s) { return i < ntoks && toks[i].len == strlen(s) && !memcmp(toks[i].s, s, toks[i].len); }
static char kind(size_t i) { return i < ntoks ? toks[i].kind : 0; }

static size_t close_of(size_t i)	/* the bracket that closes the one at i, or ntoks */
{
	int depth = 0;
	for (; i < ntoks; i++) {
		char k = toks[i].kind;
		if (k == '(' || k == '[' || k == '{') depth++;
		else if ((k == ')' || k == ']' || k == '}') && !--depth) return i;
	}
	return ntoks;
}

static size_t skip_attributes(size_t i, int *sized)
{
	while (is(i, "__attribute__") && kind(i + 1) == '(') {
		size_t e = close_of(i + 1);
		for (size_t k = i; k < e; k++)
			if (toks[k].kind == 'i' && (memmem(toks[k].s, toks[k].len, "packed", 6) || memmem(toks[k].s, toks[k].len, "mode", 4)))
				*sized = 1;
		i = e + 1;
	}
	return i;
}

static int droppable(const struct item *it)
{
	char buf[32], *e; size_t v = it->value, n = it->to; unsigned long long x;
	if (it->value < 0 || it->value != it->from + 2 || toks[it->from].name->count != 1) return 0;
	if (kind(v) == '(' && kind(v + 1) == 'i' && kind(v + 2) == ')') v += 3;
	if (v + 1 != n || toks[v].kind != 'n' || toks[v].len >= sizeof(buf)) return 0;
	memcpy(buf, toks[v].s, toks[v].len); buf[toks[v].len] = 0;
	errno = 0; x = strtoull(buf, &e, 0);
	while (*e == 'u' || *e == 'U') e++;
	return !*e && !errno && x <= 0x7fffffff;
}

static FILE *out;
static void put_lines(const char *a, const char *b)	/* whitespace from a to b, newlines only */
{
	for (; a < b; a++) if (*a == '\n') putc('\n', out);
}

/* Write the enum body between the braces at tokens o and c; 0 if it stays as it is. */
static int body(size_t o, size_t c)
{
	struct item *it = calloc(c - o + 1, sizeof(*it)); int n = 0, kept = 0, ok = 1; char *drop;
	for (size_t i = o + 1; i < c; ) {
		size_t e = i; int value = -1;
		while (e < c && toks[e].kind != ',') {
			if (toks[e].kind == '=' && value < 0) value = e + 1;
			if (toks[e].kind == '(' || toks[e].kind == '{' || toks[e].kind == '[') e = close_of(e);
			if (e < c) e++;
		}
		if (toks[i].kind != 'i') { ok = 0; break; }
		it[n++] = (struct item){ i, e, value };
		i = e + 1;
	}
	drop = calloc(n + 1, 1);
	int any = 0;
	for (int k = 0; ok && k < n; k++) {
		drop[k] = droppable(&it[k]) && (k + 1 == n || it[k + 1].value >= 0);
		any |= drop[k]; kept += !drop[k];
	}
	/* line markers in the body: leave it alone */
	for (const char *p = toks[o].s; ok && p < toks[c].s; p++)
		if (*p == '\n' && p[1] == '#') ok = 0;
	if (ok && n) {
		const char *at = toks[o].s + 1;
		if (any && !kept) drop[0] = 0;
		fputc('{', out);
		for (int k = 0; k < n; k++) {
			for (int t = it[k].from; t < it[k].to; t++) {
				put_lines(at, toks[t].s);
				if (!drop[k]) { fwrite(toks[t].s, 1, toks[t].len, out); putc(' ', out); }
				at = toks[t].s + toks[t].len;
			}
			if (!drop[k]) putc(',', out);
		}
		put_lines(at, toks[c].s);
	}
	free(it); free(drop);
	return ok && n;
}

static void filter(const char *buf, const char *end)
{
	const char *at = buf;
	lex(buf, end);
	for (size_t i = 0; i < ntoks; i++) {
		int sized = 0; size_t o, c;
		if (!is(i, "enum")) continue;
		o = skip_attributes(i + 1, &sized);
		if (kind(o) == 'i') o = skip_attributes(o + 1, &sized);
		if (kind(o) != '{' || (c = close_of(o)) >= ntoks) continue;
		skip_attributes(c + 1, &sized);
		if (sized) continue;
		fwrite(at, 1, toks[o].s - at, out);
		at = body(o, c) ? toks[c].s : toks[o].s;
		i = c;
	}
	fwrite(at, 1, end - at, out);
}

static char *slurp(int fd, size_t *n)
{
	size_t cap = 4 << 20; char *b = malloc(cap); ssize_t r;
	for (*n = 0; b && (r = read(fd, b + *n, cap - *n)) != 0; ) {
		if (r < 0) { if (errno == EINTR) continue; exit(1); }
		if ((*n += r) == cap) b = realloc(b, cap *= 2);
	}
	if (!b) abort();
	return b;
}

int main(int argc, char **argv)
{
	const char *file = NULL; int plain = 1, p[2], st; size_t n; char *b; pid_t pid;
	if (argc < 2) return 2;
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "-E")) plain = 0;
		if (!strcmp(argv[i], "-o") && i + 1 < argc) file = argv[++i];
	}
	for (int i = 2; i < argc; i++)	/* -g, -g3, -ggdb, -gdwarf...; not -g0 */
		if (!strncmp(argv[i], "-g", 2) && strcmp(argv[i], "-g0")) plain = 1;
	if (plain) { execvp(argv[1], argv + 1); return 127; }
	if (!file && pipe(p)) return 1;
	if ((pid = fork()) == 0) {
		if (!file) { dup2(p[1], 1); close(p[0]); close(p[1]); }
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0) return 1;
	if (!file) { close(p[1]); b = slurp(p[0], &n); }
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR) ;
	if (!WIFEXITED(st)) return 1;
	if (file) {
		int fd = open(file, O_RDONLY);
		if (fd < 0) return WEXITSTATUS(st);
		b = slurp(fd, &n); close(fd);
	}
	out = file ? fopen(file, "w") : stdout;
	if (!out) return 1;
	setvbuf(out, NULL, _IOFBF, 1 << 20);
	if (WEXITSTATUS(st)) fwrite(b, 1, n, out); else filter(b, b + n);
	if (fflush(out) || ferror(out)) return 1;
	return WEXITSTATUS(st);
}
