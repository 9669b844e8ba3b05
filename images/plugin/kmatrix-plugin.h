/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What our plugins share: memory, errors, counters, and how instructions start. Before it is included, NAME is the
 * plugin's and COUNTERS how many it may need.
 */
#ifndef KMATRIX_PLUGIN_H
#define KMATRIX_PLUGIN_H

#define PATTERNS 8
#define INSN_BYTES 16	/* at most, of an instruction */
#define CHUNK ((size_t)1 << 16)	/* counters of a scoreboard */

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

#if PLUGIN_API == 1
static uint64_t *plain;	/* the counters */

static void counters_start(const struct plugin_info *info)
{
	(void)info;
	plain = reserve(COUNTERS, sizeof(*plain));
}

static void counters_extend(size_t used)
{
	(void)used;
}

static uint64_t counter(size_t index)
{
	return plain[index];
}

/* Before each execution of the instruction. */
static inline void count_insn(struct qemu_plugin_insn *insn, size_t index)
{
	qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD, &plain[index], 1);
}

/* Before each execution of the block. */
static inline void count_block(struct qemu_plugin_tb *tb, size_t index)
{
	qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD, &plain[index], 1);
}
#else
/* Under the instruction clock the CPUs take turns, so reading one's counters while another runs does not happen. */
static struct qemu_plugin_scoreboard *boards[COUNTERS / CHUNK];
static size_t board_count;
static unsigned int cpus = 1;

static void counters_start(const struct plugin_info *info)
{
	cpus = info->cpus.max_vcpus;
}

static void counters_extend(size_t used)
{
	while (board_count * CHUNK < used) {
		struct qemu_plugin_scoreboard *board = qemu_plugin_scoreboard_new(CHUNK * sizeof(uint64_t));

		for (unsigned int cpu = 0; cpu < cpus; cpu++)
			memset(qemu_plugin_scoreboard_find(board, cpu), 0, CHUNK * sizeof(uint64_t));
		boards[board_count++] = board;
	}
}

static uint64_t counter(size_t index)
{
	uint64_t sum = 0;

	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		sum += ((uint64_t *)qemu_plugin_scoreboard_find(boards[index / CHUNK], cpu))[index % CHUNK];
	return sum;
}

static struct counter_place place(size_t index)
{
	return (struct counter_place){ boards[index / CHUNK], index % CHUNK * sizeof(uint64_t) };
}

static inline void count_insn(struct qemu_plugin_insn *insn, size_t index)
{
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, INLINE_ADD, place(index), 1);
}

static inline void count_block(struct qemu_plugin_tb *tb, size_t index)
{
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, INLINE_ADD, place(index), 1);
}
#endif

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

static void write_bytes(FILE *file, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		fprintf(file, "%02x", bytes[i]);
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
