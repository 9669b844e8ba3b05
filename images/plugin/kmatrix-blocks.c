// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A TCG plugin: which blocks of code a guest ran, and how often inside a workload's region. It costs next to nothing:
 * noting is done when a block is translated, counting is one addition for each block that is executed.
 *
 *	-plugin kmatrix-blocks.so,seen=FILE
 *	-plugin kmatrix-blocks.so,out=FILE,begin=ADDRESS,begin_end=ADDRESS,ret=BYTES...,end=ADDRESS[,skip=REGIONS]
 *
 * and both together. When QEMU ends, `seen` is what was translated since it started, and so begun to be executed:
 *
 *	kmatrix-seen 1 BLOCKS LOST
 *	START END		hex; in order, those that touch are one
 *
 * The region is that of kmatrix-profile. Each region's end, but for those that are skipped, writes `out` anew, with the
 * sum of all of them:
 *
 *	kmatrix-blocks 1 REGIONS BLOCKS LOST
 *	START END EXECUTED	hex, hex, decimal: a line for each translation; addresses repeat
 *
 * A block that an exception ended counts as if all of it had run: what is behind a fault that the kernel itself takes
 * (in copy_from_user() and its like) may not have. Blocks of interrupts count as all others.
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
#include "kmatrix-plugin.h"

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_API;

struct range {
	uint64_t start, end;
};

static struct range *blocks;
static uint64_t *base;	/* at the start of the region */
static uint64_t *total;	/* of the regions that have ended */
static size_t used, lost;

static char *seen, *out;
static uint64_t begin, begin_end, end;
static unsigned long skip;
static struct pattern rets[PATTERNS];
static size_t ret_count;

static bool inside;	/* the region */
static unsigned int regions;

static void on_begin(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	if (inside)
		return;
	for (size_t i = 0; i < used; i++)
		base[i] = counter(i);
	inside = true;
}

static void on_end(unsigned int cpu, void *data)
{
	FILE *file;

	(void)cpu;
	(void)data;
	if (!inside)
		return;
	inside = false;
	if (skip) {
		skip--;
		memset(base, 0, used * sizeof(*base));
		return;
	}
	for (size_t i = 0; i < used; i++)
		total[i] += counter(i) - base[i];
	memset(base, 0, used * sizeof(*base));	/* of those that come later nothing was counted yet */
	file = fopen(out, "w");
	if (!file)
		fail("what was executed cannot be written");
	fprintf(file, "kmatrix-blocks 1 %u %zu %zu\n", ++regions, used, lost);
	for (size_t i = 0; i < used; i++)
		if (total[i])
			fprintf(file, "%" PRIx64 " %" PRIx64 " %" PRIu64 "\n", blocks[i].start, blocks[i].end, total[i]);
	if (fclose(file))
		fail("what was executed cannot be written");
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
	if (used == COUNTERS) {
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
		for (size_t i = 0; i < count; i++) {
			struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
			uint64_t address = qemu_plugin_insn_vaddr(insn);
			on_execution call = NULL;

			if (address == end)
				call = on_end;
			else if (address >= begin && address < begin_end && matches(insn, rets, ret_count))
				call = on_begin;
			if (call)
				qemu_plugin_register_vcpu_insn_exec_cb(insn, call, CALLBACK_NO_REGISTERS, NULL);
		}
	}
	used++;
}

static void read_option(const char *option)
{
	const char *value = strchr(option, '=');
	size_t name = value ? (size_t)(value - option) : 0;

	if (!value)
		fail("options are NAME=VALUE");
	value++;
#define IS(text) (name == strlen(text) && !strncmp(option, text, name))
	if (IS("seen"))
		seen = strdup(value);
	else if (IS("out"))
		out = strdup(value);
	else if (IS("begin"))
		begin = strtoull(value, NULL, 0);
	else if (IS("begin_end"))
		begin_end = strtoull(value, NULL, 0);
	else if (IS("end"))
		end = strtoull(value, NULL, 0);
	else if (IS("skip"))
		skip = strtoul(value, NULL, 0);
	else if (IS("ret"))
		read_pattern(value, rets, &ret_count);
	else
		fail("unknown option");
#undef IS
}

PLUGIN_EXPORT int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		read_option(argv[i]);
	if (!info->system || !(seen || out))
		fail("seen or out is needed, and a whole machine");
	if (out && (!begin || !begin_end || !end || !ret_count))
		fail("out needs begin, begin_end, ret and end");
	find_insn_data(info);
	blocks = reserve(COUNTERS, sizeof(*blocks));
	base = reserve(COUNTERS, sizeof(*base));
	total = reserve(COUNTERS, sizeof(*total));
	counters_start(info);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	if (seen)
		qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return 0;
}
