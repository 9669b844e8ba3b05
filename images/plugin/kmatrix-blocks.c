// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A TCG plugin: which blocks of code a guest ran, and how often inside a workload's region. It costs next to nothing:
 * noting is done when a block is translated, counting is one addition for each block that is executed.
 *
 *	-plugin kmatrix-blocks.so,seen=FILE
 *	-plugin kmatrix-blocks.so,out=FILE,REGION...[,skip=REGIONS]
 *
 * and both together. When QEMU ends, `seen` is what was translated since it started, and so begun to be executed:
 *
 *	kmatrix-seen 1 BLOCKS LOST
 *	START END		hex; in order, those that touch are one
 *
 * REGION: see kmatrix-region.h. Each region's end, but for those that are skipped, writes `out` anew, with the
 * sum of all of them:
 *
 *	kmatrix-blocks 2 REGIONS BLOCKS LOST
 *	START END EXECUTED INTERRUPT BYTES	hex, hex, decimal, decimal, hex
 *
 * with a line for each translation (addresses repeat). INTERRUPT: of EXECUTED, those in interrupts.
 * BYTES: the block's instructions as they were translated, with commas between them.
 *
 * A block that an exception ended counts as if all of it had run: what is behind a fault that the kernel itself takes
 * (in copy_from_user() and its like) may not have.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "qemu-plugin-min.h"

#define NAME "kmatrix-blocks"
#define COUNTERS ((size_t)1 << 22)	/* at most, one for each block; memory is taken as they are used */
#define CODE ((size_t)1 << 30)	/* bytes of all blocks, at most */
#include "kmatrix-plugin.h"
#include "kmatrix-counters.h"
#include "kmatrix-region.h"

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_API;

struct range {
	uint64_t start, end;
};

static struct range *blocks;
static uint64_t *base;	/* at the start of the region */
static uint64_t *total;	/* of the regions that have ended */
static uint64_t *mark;	/* at the start of the interrupt */
static uint64_t *interrupt;	/* within interrupts of the regions that are not skipped */
static size_t *code_at;	/* where in `code` its instructions stand, up to the next one's */
static uint8_t *code;	/* of each: how many bytes, and these */
static size_t used, lost, code_used;

static char *seen;
static unsigned long skip;

static void region_begins(void)
{
	for (size_t i = 0; i < used; i++)
		base[i] = counter(i);
}

/* Interrupts are taken between blocks. The one that begins here was counted before this is called. */
static void interrupt_begins(void *block)
{
	for (size_t i = 0; i < used; i++)
		mark[i] = counter(i);
	mark[(uintptr_t)block]--;
}

static void interrupt_ends(void)
{
	for (size_t i = 0; !skip && i < used; i++)
		interrupt[i] += counter(i) - mark[i];
	memset(mark, 0, used * sizeof(*mark));	/* of those that come later nothing was counted yet */
}

static void write_block(FILE *file, size_t i)
{
	size_t last = i + 1 < used ? code_at[i + 1] : code_used;

	fprintf(file, "%" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRIu64, blocks[i].start, blocks[i].end, total[i],
		interrupt[i]);
	for (size_t at = code_at[i]; at < last; at += 1 + code[at]) {
		fputc(at == code_at[i] ? ' ' : ',', file);
		write_bytes(file, code + at + 1, code[at]);
	}
	fputc('\n', file);
}

static bool region_ends(void)
{
	bool wanted = !skip;

	for (size_t i = 0; wanted && i < used; i++)
		total[i] += counter(i) - base[i];
	memset(base, 0, used * sizeof(*base));	/* of those that come later nothing was counted yet */
	skip -= !wanted;
	return wanted;
}

static void write_region(FILE *file)
{
	fprintf(file, "kmatrix-blocks 2 %u %zu %zu\n", regions, used, lost);
	for (size_t i = 0; i < used; i++)
		if (total[i])
			write_block(file, i);
}

static int by_start(const void *one, const void *other)
{
	const struct range *a = one, *b = other;

	return a->start < b->start ? -1 : a->start > b->start;
}

static void on_exit_of_qemu(plugin_id id, void *data)
{
	FILE *file = fopen(seen, "w");
	size_t last = 0;

	(void)id;
	(void)data;
	if (!file)
		return;
	qsort(blocks, used, sizeof(*blocks), by_start);
	fprintf(file, "kmatrix-seen 1 %zu %zu\n", used, lost);
	for (size_t i = 1; i < used; i++) {
		if (blocks[i].start > blocks[last].end) {
			fprintf(file, "%" PRIx64 " %" PRIx64 "\n", blocks[last].start, blocks[last].end);
			blocks[++last] = blocks[i];
		} else if (blocks[i].end > blocks[last].end) {
			blocks[last].end = blocks[i].end;
		}
	}
	if (used)
		fprintf(file, "%" PRIx64 " %" PRIx64 "\n", blocks[last].start, blocks[last].end);
	fclose(file);
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *last;

	(void)id;
	if (!count)
		return;
	if (used == COUNTERS || code_used + count * (1 + INSN_BYTES) > CODE) {
		lost++;
		return;
	}
	last = qemu_plugin_tb_get_insn(tb, count - 1);
	blocks[used] = (struct range){
		qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)),
		qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last),
	};
	if (out) {
		counters_extend(used + 1);
		count_block(tb, used);
		code_at[used] = code_used;
		for (size_t i = 0; i < count; i++) {
			struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

			code[code_used] = (uint8_t)read_insn(insn, code + code_used + 1);
			code_used += 1 + (size_t)code[code_used];
			watch(tb, insn, (void *)(uintptr_t)used);	/* counted before */
		}
	}
	used++;
}

static void read_option(const char *option)
{
	const char *value;

	if ((value = value_of(option, "seen")))
		seen = strdup(value);
	else if ((value = value_of(option, "skip")))
		skip = strtoul(value, NULL, 0);
	else if (!read_region(option))
		fail("unknown option, or too many of it");
}

PLUGIN_EXPORT int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		read_option(argv[i]);
	if (!info->system || !(seen || out))
		fail("seen or out is needed, and a whole machine");
	if (out && !has_region())
		fail("out needs begin, ret and end");
	find_insn_data(info);
	blocks = reserve(COUNTERS, sizeof(*blocks));
	base = reserve(COUNTERS, sizeof(*base));
	total = reserve(COUNTERS, sizeof(*total));
	mark = reserve(COUNTERS, sizeof(*mark));
	interrupt = reserve(COUNTERS, sizeof(*interrupt));
	code_at = reserve(COUNTERS, sizeof(*code_at));
	code = reserve(CODE, 1);
	counters_start(info);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	if (seen)
		qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return 0;
}
