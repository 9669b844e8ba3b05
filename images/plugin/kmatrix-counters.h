/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters that QEMU increments without calling us, and the bytes of what they count. Before it is included, COUNTERS is
 * how many the plugin may need.
 */
#ifndef KMATRIX_COUNTERS_H
#define KMATRIX_COUNTERS_H

#define CHUNK ((size_t)1 << 16)	/* counters of a scoreboard */

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

static void write_bytes(FILE *file, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		fprintf(file, "%02x", bytes[i]);
}

#endif
