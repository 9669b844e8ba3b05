// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A TCG plugin: what a workload's region loads and stores, by instruction, and how many lines of memory that touches.
 *
 *	-plugin kmatrix-memory.so,out=FILE,REGION...,turns=FILE[,low=ADDRESS][,hidden=...]
 *
 * REGION: see kmatrix-region.h. hidden, and what goes with it: see kmatrix-hidden.h. turns: addresses in hex, one a line,
 * of the workload's own code. Each region writes FILE anew:
 *
 *	kmatrix-memory 1 REGION TURNS DEVICE UNPLACED LOST
 *	LINES:TURNS...
 *	ADDRESS LOADS STORES BYTES DATA_LINES NEW_LINES MISSES_512 MISSES_16384	hex, decimal...
 *
 * with a line for each instruction of each translation of it that touched memory (addresses repeat; add them up), without
 * what ran in interrupts.
 *
 * A turn is one of the workload's own loop: it ends where the workload comes to one of `turns` at which it has been in it,
 * but not right before: what a fault interrupts is executed again after it.
 * DATA_LINES are lines of 64 bytes that the instruction was the first to touch in a turn, NEW_LINES in the region; in the
 * second line, how many turns touched how many. MISSES are those of a cache of so many lines of which the least
 * recently used one goes, wherever it is, empty at the start: they do not depend on which pages the kernel's allocator
 * gave, as those of any real cache do.
 *
 * Lines are physical. DEVICE accesses went to no memory, below `low` to memory all the same. Of UNPLACED accesses it is not
 * known where they went: they are loads and stores, and touch no line. LOST translations had no room: then it is not whole.
 */
#include <ctype.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "qemu-plugin-min.h"

#define NAME "kmatrix-memory"
#define COUNTERS ((size_t)1 << 23)	/* at most; memory is taken as they are used */
#include "kmatrix-plugin.h"
#include "kmatrix-region.h"

#define LINE 64	/* bytes */
#define PAGE 4096	/* the smallest of all guests */
#define LINES ((size_t)1 << 27)	/* 8 GiB of memory */
#define TURNS 4096	/* addresses */
#define MOST 65536	/* lines of a turn that are told apart */
#define SIZES 2	/* of caches */

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_API;

struct accesses {
	uint64_t loads, stores, bytes, data_lines, new_lines, misses[SIZES];
};

/* Lines in the order of their use, as numbers from 1 on; 0 is both ends. */
struct cache {
	uint32_t *newer, *older;
	uint8_t *there;
	uint32_t size, used;
};

static uint64_t *addresses;	/* of each instruction of each translation */
static struct accesses *counts;	/* the same */
static size_t used, lost;

static uint32_t *touched_in;	/* of each line: the last turn that did */
static uint32_t turn, first_turn;	/* they are numbered on from region to region */
static uint64_t turn_lines, most_lines[MOST], device, unplaced;
static struct cache caches[SIZES] = { { .size = 512 }, { .size = 16384 } };

static uint32_t turn_of[TURNS];	/* the last one in which the workload was there */
static uint64_t turn_at[TURNS];
static size_t turn_count, last_place;

static uint64_t low;
static bool readable;	/* registers are, as this plugin knows them */

static void take_out(struct cache *cache, uint32_t line)
{
	cache->newer[cache->older[line]] = cache->newer[line];
	cache->older[cache->newer[line]] = cache->older[line];
	cache->there[line] = 0;
	cache->used--;
}

static bool missed(struct cache *cache, uint32_t line)
{
	bool miss = !cache->there[line];

	if (!miss)
		take_out(cache, line);
	else if (cache->used == cache->size)
		take_out(cache, cache->newer[0]);	/* the oldest */
	cache->older[line] = cache->older[0];
	cache->newer[line] = 0;
	cache->newer[cache->older[0]] = line;
	cache->older[0] = line;
	cache->there[line] = 1;
	cache->used++;
	return miss;
}

static void touch(size_t line, struct accesses *its)
{
	if (touched_in[line] != turn) {
		its->data_lines++;
		its->new_lines += touched_in[line] < first_turn;
		touched_in[line] = turn;
		turn_lines++;
	}
	for (size_t i = 0; i < SIZES; i++)
		its->misses[i] += missed(&caches[i], (uint32_t)line + 1);
}

/* Bytes at a physical address. */
static void touch_all(uint64_t physical, uint64_t size, struct accesses *its)
{
	if ((physical + size) / LINE >= LINES - 1)
		fail("memory beyond what there is room for");
	for (size_t line = physical / LINE; size && line <= (physical + size - 1) / LINE; line++)
		touch(line, its);
}

static void learn(uint64_t virtual, uint64_t physical);
static bool known_page(uint64_t virtual, uint64_t *physical);

/* Does an access go to memory, and where? */
static bool in_memory(uint32_t info, uint64_t virtual, uint64_t *physical)
{
	struct qemu_plugin_hwaddr *place;

	if (virtual < low && qemu_plugin_mem_is_store(info)) {
		if (!known_page(virtual, physical))	/* QEMU watches stores to it: it is none of memory's to it */
			*physical = virtual;
		return true;
	}
	place = qemu_plugin_get_hwaddr(info, virtual);
	if (!place || qemu_plugin_hwaddr_is_io(place)) {
		device++;
		return false;
	}
	*physical = qemu_plugin_hwaddr_phys_addr(place);
	learn(virtual, *physical);
	return true;
}

/* Was it one of memory? */
static bool touch_access(uint32_t info, uint64_t virtual, uint64_t size, struct accesses *its)
{
	uint64_t physical, here = PAGE - virtual % PAGE;

	if (!in_memory(info, virtual, &physical))
		return false;
	if (here > size)
		here = size;
	touch_all(physical, here, its);
	if (size > here && known_page(virtual + here, &physical))
		touch_all(physical, size - here, its);
	else
		unplaced += size > here;
	return true;
}

#include "kmatrix-hidden.h"

static void on_access(unsigned int cpu, uint32_t info, uint64_t virtual, void *data)
{
	struct accesses *its = data;
	uint64_t size = (uint64_t)1 << qemu_plugin_mem_size_shift(info);

	(void)cpu;
	if (!active())
		return;
	settle();
	if (!touch_access(info, virtual, size, its))
		return;
	if (qemu_plugin_mem_is_store(info))
		its->stores++;
	else
		its->loads++;
	its->bytes += size;
}

static void end_turn(void)
{
	most_lines[turn_lines < MOST ? turn_lines : MOST - 1]++;
	turn_lines = 0;
	turn++;
}

static void on_turn(unsigned int cpu, void *data)
{
	size_t i = (uintptr_t)data;

	(void)cpu;
	if (!active())
		return;
	settle();
	if (turn_of[i] == turn && i != last_place)
		end_turn();
	turn_of[i] = turn;
	last_place = i;
}

static void region_begins(void)
{
	memset(counts, 0, used * sizeof(*counts));
	memset(most_lines, 0, sizeof(most_lines));
	for (size_t i = 0; i < SIZES; i++)
		while (caches[i].used)
			take_out(&caches[i], caches[i].newer[0]);
	first_turn = ++turn;
	turn_lines = device = unplaced = 0;
}

static bool region_ends(void)
{
	settle();
	end_turn();
	return true;
}

static void write_region(FILE *file)
{
	const char *separator = "";

	fprintf(file, "kmatrix-memory 1 %u %u %" PRIu64 " %" PRIu64 " %zu\n", regions, turn - first_turn, device,
		unplaced, lost);
	for (size_t i = 0; i < MOST; i++) {
		if (!most_lines[i])
			continue;
		fprintf(file, "%s%zu:%" PRIu64, separator, i, most_lines[i]);
		separator = " ";
	}
	fputc('\n', file);
	for (size_t i = 0; i < used; i++) {
		const struct accesses *its = &counts[i];

		if (!its->loads && !its->stores)
			continue;
		fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, addresses[i],
			its->loads, its->stores, its->bytes, its->data_lines, its->new_lines);
		for (size_t size = 0; size < SIZES; size++)
			fprintf(file, " %" PRIu64, its->misses[size]);
		fputc('\n', file);
	}
}

static void interrupt_begins(void *data)
{
	(void)data;
	settle();
}

static void interrupt_ends(void)
{
}

static int by_value(const void *one, const void *other)
{
	const uint64_t *a = one, *b = other;

	return *a < *b ? -1 : *a > *b;
}

static void watch_turn(struct qemu_plugin_insn *insn, uint64_t address)
{
	const uint64_t *found = bsearch(&address, turn_at, turn_count, sizeof(*turn_at), by_value);

	if (found)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_turn, CALLBACK_NO_REGISTERS,
						       (void *)(uintptr_t)(found - turn_at));
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (used + count > COUNTERS) {
		lost++;
		return;
	}
	for (size_t i = 0; i < count; i++, used++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		addresses[used] = qemu_plugin_insn_vaddr(insn);
		watch(tb, insn, NULL);
		watch_turn(insn, addresses[used]);
		if (!watch_hidden(insn, &counts[used]))
			qemu_plugin_register_vcpu_mem_cb(insn, on_access, CALLBACK_NO_REGISTERS, ACCESS_BOTH, &counts[used]);
	}
}

static void read_turns(const char *path)
{
	FILE *file = fopen(path, "r");
	uint64_t address;

	if (!file)
		fail("turns cannot be read");
	while (fscanf(file, "%" SCNx64, &address) == 1) {
		if (turn_count == TURNS)
			fail("too many turns");
		turn_at[turn_count++] = address;
	}
	fclose(file);
	qsort(turn_at, turn_count, sizeof(*turn_at), by_value);
}

static void read_option(const char *option)
{
	const char *value;

	if ((value = value_of(option, "turns")))
		read_turns(value);
	else if ((value = value_of(option, "low")))
		low = strtoull(value, NULL, 0);
	else if (!read_hidden(option) && !read_region(option))
		fail("unknown option, or too many of it");
}

PLUGIN_EXPORT int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		read_option(argv[i]);
	if (!has_region() || !info->system)
		fail("out, begin, ret and end are needed, and a whole machine");
	find_insn_data(info);
	readable = info->version.cur >= 2 && info->version.cur <= 6;
	addresses = reserve(COUNTERS, sizeof(*addresses));
	counts = reserve(COUNTERS, sizeof(*counts));
	touched_in = reserve(LINES, sizeof(*touched_in));
	for (size_t i = 0; i < SIZES; i++) {
		caches[i].newer = reserve(LINES, sizeof(*caches[i].newer));
		caches[i].older = reserve(LINES, sizeof(*caches[i].older));
		caches[i].there = reserve(LINES, sizeof(*caches[i].there));
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
