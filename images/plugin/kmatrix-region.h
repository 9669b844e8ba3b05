/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a workload's region and its interrupts begin and end: options, and what is called there. The plugin defines what
 * that does; callbacks see the counter of their own instruction, or block, incremented already if it was registered before.
 * What it has counted is written to `out`, anew for each region that it wants written.
 *
 *	begin=START-END[:CODE],ret=BYTES...,end=START-END[:CODE][,irq=ADDRESS...][,eret=BYTES...]
 *
 * The region runs from the return of the function begin (ret: how a return starts) to the first instruction of the
 * function end, addresses and code in hex. An interrupt lasts from an execution of an irq address until as many exception
 * returns (eret: how they start) have been executed as interrupts were taken: nested ones, and what they let run before
 * what was interrupted goes on, belong to it.
 */
#ifndef KMATRIX_REGION_H
#define KMATRIX_REGION_H

#define ENTRIES 64	/* of interrupts */
#define FUNCTION_BYTES 4096

/*
 * A function, with its code if that is told. What else runs while a workload sleeps may have another program's code at the
 * same addresses.
 */
struct marked {
	uint64_t start, end;
	uint8_t code[FUNCTION_BYTES];
	size_t size;
};

static struct marked begin, end;
static uint64_t irqs[ENTRIES];
static struct pattern rets[PATTERNS], erets[PATTERNS];
static size_t irq_count, ret_count, eret_count;

static char *out;
static unsigned int regions;	/* that were written */
static bool inside;	/* one */
static unsigned int depth;	/* of interrupts */

/* The plugin's: */
static void region_begins(void);
static bool region_ends(void);	/* Is it to be written? */
static void write_region(FILE *file);
static void interrupt_begins(void *data);	/* of watch(), which see */
static void interrupt_ends(void);

/* In the region, and in no interrupt of it. */
static inline bool active(void)
{
	return inside && !depth;
}

static void on_begin(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	if (inside)
		return;
	depth = 0;
	region_begins();
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
	if (!region_ends())
		return;
	regions++;
	file = fopen(out, "w");
	if (!file)
		fail("what was counted cannot be written");
	write_region(file);
	if (fclose(file))
		fail("what was counted cannot be written");
}

static void on_interrupt(unsigned int cpu, void *data)
{
	(void)cpu;
	if (inside && !depth++)
		interrupt_begins(data);
}

static void on_return(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	if (inside && depth && !--depth)
		interrupt_ends();
}

static bool within(const struct marked *function, uint64_t address)
{
	return address >= function->start && address < function->end;
}

/* Is what the block has of its addresses this function? */
static bool is_of(struct qemu_plugin_tb *tb, const struct marked *function)
{
	uint8_t bytes[INSN_BYTES];

	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t at = qemu_plugin_insn_vaddr(insn) - function->start;
		size_t size = read_insn(insn, bytes);

		if (at < function->size && size <= function->size - at && memcmp(bytes, function->code + at, size))
			return false;
	}
	return true;
}

/* data: what interrupt_begins() gets. */
static void watch(struct qemu_plugin_tb *tb, struct qemu_plugin_insn *insn, void *data)
{
	uint64_t address = qemu_plugin_insn_vaddr(insn);
	on_execution call = NULL;

	if (address == end.start && is_of(tb, &end))
		call = on_end;
	else if (within(&begin, address) && matches(insn, rets, ret_count) && is_of(tb, &begin))
		call = on_begin;
	else if (matches(insn, erets, eret_count))
		call = on_return;
	for (size_t i = 0; i < irq_count; i++)
		if (address == irqs[i])
			call = on_interrupt;
	if (call)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, call, CALLBACK_NO_REGISTERS, data);
}

static bool has_region(void)
{
	return out && begin.end && end.end && ret_count;
}

static void read_function(const char *text, struct marked *function)
{
	unsigned int byte;
	int length;

	if (sscanf(text, "%" SCNx64 "-%" SCNx64 "%n", &function->start, &function->end, &length) != 2)
		fail("a function is START-END[:CODE] in hex");
	text += length + (text[length] == ':');
	while (*text) {
		if (function->size == FUNCTION_BYTES || sscanf(text, "%2x", &byte) != 1 || !text[1])
			fail("the code of a function is hex, and not as long");
		function->code[function->size++] = (uint8_t)byte;
		text += 2;
	}
}

/* Was it one of ours? */
static bool read_region(const char *option)
{
	const char *value;

	if ((value = value_of(option, "out")))
		out = strdup(value);
	else if ((value = value_of(option, "begin")))
		read_function(value, &begin);
	else if ((value = value_of(option, "end")))
		read_function(value, &end);
	else if ((value = value_of(option, "irq")) && irq_count < ENTRIES)
		irqs[irq_count++] = strtoull(value, NULL, 0);
	else if ((value = value_of(option, "ret")))
		read_pattern(value, rets, &ret_count);
	else if ((value = value_of(option, "eret")))
		read_pattern(value, erets, &eret_count);
	return value;
}

#endif
