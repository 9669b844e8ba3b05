// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A TCG plugin: how often each guest instruction was executed inside a workload's region.
 *
 *	-plugin kmatrix-profile.so,out=FILE,REGION...[,functions=FILE,paths=FILE,call=BYTES/MASK...]
 *
 * REGION: see kmatrix-region.h. Each region writes FILE anew:
 *
 *	kmatrix-profile 2 REGION BLOCKS COUNTERS LOST
 *	ADDRESS EXECUTED INTERRUPT BYTES	hex, decimal, decimal, hex: of EXECUTED, those in interrupts
 *
 * with a line for each instruction of each translation of it (addresses repeat; add them up). BYTES are the
 * instruction as it was executed, which the kernel may have patched. LOST translations found no counter: then the
 * account is not whole.
 *
 * Exactness. The instruction clock does not count an instruction that raises a fault and is executed again after it.
 * A block has a counter for each of its instructions, incremented before it is executed. All but the last were
 * completed as often as the next one was started. A block's last instruction was completed as often as it was
 * started, unless it faulted there; no compiler puts the store of a loop last, and the balance with the clock would
 * show it. An instruction whose device access makes QEMU translate it anew is missing, some hundreds in a second.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "qemu-plugin-min.h"

#define NAME "kmatrix-profile"
#define COUNTERS ((size_t)1 << 24)	/* at most; memory is taken as they are used, some 50 bytes each */
#include "kmatrix-plugin.h"
#include "kmatrix-counters.h"
#include "kmatrix-region.h"

#define BLOCKS ((size_t)1 << 22)	/* at most */
#define PAGE 4096	/* the smallest of all guests */

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_API;

/* A translation: its instructions' addresses and counters stand from `first` on. */
struct block {
	size_t first;
	size_t count;
};

static uint64_t *addresses;	/* of each counter's instruction */
static uint8_t (*bytes)[INSN_BYTES];	/* the same */
static uint8_t *sizes;	/* the same */
static uint64_t *base;	/* at the start of the region */
static uint64_t *mark;	/* at the start of the interrupt */
static uint64_t *interrupt;	/* within interrupts of the region */
static struct block *blocks;
static uint64_t *crossings;	/* instructions that cross a page, seen where they are whole */
static size_t counters_used, blocks_used, crossings_used, lost;

static struct pattern calls[PATTERNS];
static size_t call_count;

/*
 * Some translators (QEMU's for x86, up to 8) hand us an instruction that crosses a page, as far as they have read it,
 * and then take it back: it starts a block of its own, and only there it is whole. In the block before, its counter
 * stands still and would look as if the instruction before it had always faulted.
 */
static bool taken_back(uint64_t address)
{
	for (size_t i = 0; i < crossings_used; i++)
		if (crossings[i] == address)
			return true;
	return false;
}

/* Of a block's instructions, those that are really in it. */
static size_t really_in(const struct block *block)
{
	return block->count - (block->count > 1 && taken_back(addresses[block->first + block->count - 1]));
}

#include "kmatrix-paths.h"

/* A block for each at most. */
static void remember_crossing(uint64_t address)
{
	for (size_t i = 0; i < crossings_used; i++)
		if (crossings[i] == address)
			return;
	crossings[crossings_used++] = address;
	paths_shorten(address);
}

static void region_begins(void)
{
	for (size_t i = 0; i < counters_used; i++)
		base[i] = counter(i);
	memset(interrupt, 0, counters_used * sizeof(*interrupt));
	paths_begin();
}

static void write_block(FILE *file, const struct block *block)
{
	size_t count = really_in(block);

	for (size_t i = 0; i < count; i++) {
		size_t c = block->first + (i + 1 < count ? i + 1 : i);	/* of how often it was completed */
		uint64_t executed = counter(c) - base[c];

		if (!executed)
			continue;
		fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 " ", addresses[block->first + i], executed, interrupt[c]);
		write_bytes(file, bytes[block->first + i], sizes[block->first + i]);
		fputc('\n', file);
	}
}

static bool region_ends(void)
{
	paths_end();
	return true;
}

static void write_region(FILE *file)
{
	fprintf(file, "kmatrix-profile 2 %u %zu %zu %zu\n", regions, blocks_used, counters_used, lost);
	for (size_t b = 0; b < blocks_used; b++)
		write_block(file, &blocks[b]);
}

/* Interrupts are taken between blocks, so no block is half executed here. */
static void interrupt_begins(void *data)
{
	(void)data;
	paths_interrupt();
	for (size_t i = 0; i < counters_used; i++)
		mark[i] = counter(i);
}

/* Counters are incremented before this is called: the return itself belongs to the interrupt. */
static void interrupt_ends(void)
{
	paths_resume();
	for (size_t i = 0; i < counters_used; i++)
		interrupt[i] += counter(i) - mark[i];
	memset(mark, 0, counters_used * sizeof(*mark));	/* of those that come later nothing was counted yet */
}

static bool crosses_page(const struct qemu_plugin_insn *insn)
{
	return qemu_plugin_insn_vaddr(insn) % PAGE + qemu_plugin_insn_size(insn) > PAGE;
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (!count)
		return;
	if (counters_used + count > COUNTERS || blocks_used == BLOCKS) {
		lost++;
		return;
	}
	counters_extend(counters_used + count);
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		addresses[counters_used + i] = qemu_plugin_insn_vaddr(insn);
		sizes[counters_used + i] = read_insn(insn, bytes[counters_used + i]);
		count_insn(insn, counters_used + i);
		watch(tb, insn, NULL);	/* counted before */
	}
	if (crosses_page(qemu_plugin_tb_get_insn(tb, 0)))
		remember_crossing(addresses[counters_used]);
	blocks[blocks_used++] = (struct block){ counters_used, count };
	counters_used += count;
	follow(tb);
}

static void read_option(const char *option)
{
	const char *value;

	if ((value = value_of(option, "call")))
		read_pattern(value, calls, &call_count);
	else if ((value = value_of(option, "functions")))
		read_functions(value);
	else if ((value = value_of(option, "paths")))
		paths_out = strdup(value);
	else if (!read_region(option))
		fail("unknown option, or too many of it");
}

PLUGIN_EXPORT int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		read_option(argv[i]);
	if (!has_region() || !info->system)
		fail("out, begin, ret and end are needed, and a whole machine");
	if (!functions != !paths_out)
		fail("functions and paths go together");
	find_insn_data(info);
	addresses = reserve(COUNTERS, sizeof(*addresses));
	bytes = reserve(COUNTERS, sizeof(*bytes));
	sizes = reserve(COUNTERS, sizeof(*sizes));
	base = reserve(COUNTERS, sizeof(*base));
	mark = reserve(COUNTERS, sizeof(*mark));
	interrupt = reserve(COUNTERS, sizeof(*interrupt));
	blocks = reserve(BLOCKS, sizeof(*blocks));
	crossings = reserve(BLOCKS, sizeof(*crossings));
	counters_start(info);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
