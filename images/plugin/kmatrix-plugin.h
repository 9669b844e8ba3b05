/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What our plugins share: memory, errors, and how instructions start. Before it is included, NAME is the plugin's.
 */
#ifndef KMATRIX_PLUGIN_H
#define KMATRIX_PLUGIN_H

#define PATTERNS 8
#define INSN_BYTES 16	/* at most, of an instruction */

struct pattern {
	uint8_t bytes[8];
	uint8_t mask[8];
	size_t size;
};

static union insn_data insn_data;
static bool copies_data;	/* API 3 and up */

static void fail(const char *what)
{
	fprintf(stderr, NAME ": %s\n", what);
	exit(1);
}

/* Zeroes; no memory is used before it is written to. */
static void *reserve(size_t count, size_t size)
{
	void *p = mmap(NULL, count * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		fail("no memory");
	return p;
}

static void find_insn_data(const struct plugin_info *info)
{
	copies_data = info->version.cur >= 3;
	insn_data.symbol = dlsym(RTLD_DEFAULT, INSN_DATA);
	if (!insn_data.symbol)
		fail("this QEMU has no " INSN_DATA);
}

/* How many bytes of the instruction there are. */
static size_t read_insn(const struct qemu_plugin_insn *insn, uint8_t bytes[INSN_BYTES])
{
	size_t size = qemu_plugin_insn_size(insn);

	if (size > INSN_BYTES)
		size = INSN_BYTES;
	if (copies_data)
		insn_data.copy(insn, bytes, size);
	else
		memcpy(bytes, insn_data.get(insn), size);
	return size;
}

static bool matches(const struct qemu_plugin_insn *insn, const struct pattern *patterns, size_t count)
{
	uint8_t bytes[INSN_BYTES];
	size_t size = read_insn(insn, bytes);

	for (size_t i = 0; i < count; i++) {
		size_t same = 0;

		while (same < patterns[i].size && same < size &&
		       (bytes[same] & patterns[i].mask[same]) == patterns[i].bytes[same])
			same++;
		if (same == patterns[i].size)
			return true;
	}
	return false;
}

static const char *read_bytes(const char *hex, uint8_t *bytes, size_t *size)
{
	unsigned int byte;

	for (*size = 0; *size < 8 && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		bytes[(*size)++] = byte;
	return hex;
}

/* How an instruction starts: bytes, and which of their bits count. */
static void read_pattern(const char *hex, struct pattern *patterns, size_t *count)
{
	struct pattern *pattern = &patterns[*count];
	size_t size;

	if (*count == PATTERNS)
		fail("too many patterns");
	hex = read_bytes(hex, pattern->bytes, &pattern->size);
	memset(pattern->mask, 0xff, sizeof(pattern->mask));
	size = pattern->size;
	if (*hex == '/')
		hex = read_bytes(hex + 1, pattern->mask, &size);
	if (!pattern->size || size != pattern->size || *hex)
		fail("a pattern is up to 8 bytes in hex");
	++*count;
}

/* Of NAME=VALUE, if that is its name; NULL. */
static const char *value_of(const char *option, const char *name)
{
	size_t length = strlen(name);

	return strncmp(option, name, length) || option[length] != '=' ? NULL : option + length + 1;
}

#endif
