/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of QEMU's plugin interface that we use, declared by ourselves: distributions do not package the header.
 *
 * PLUGIN_API is chosen when the plugin is compiled, by the version of the QEMU that will load it:
 *
 *	1	QEMU 6.0 to 8.2: counters are plain memory
 *	2	QEMU 9.0 and later: a counter is an offset into a scoreboard, which holds one element for each CPU
 *
 * What changed within API 2 and up is decided when QEMU says its own version (struct info, version.cur).
 */
#ifndef QEMU_PLUGIN_MIN_H
#define QEMU_PLUGIN_MIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;

struct plugin_info {
	const char *target;
	struct {
		int min, cur;
	} version;
	bool system;	/* a machine, not one program */
	struct {
		int smp_vcpus, max_vcpus;
	} cpus;
};

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
enum { CALLBACK_NO_REGISTERS, CALLBACK_READS_REGISTERS };
enum { ACCESS_LOAD = 1, ACCESS_STORE, ACCESS_BOTH };	/* API 1 takes the first for the second: ask for both */
enum { INLINE_ADD };

typedef void (*on_block)(plugin_id id, struct qemu_plugin_tb *tb);
typedef void (*on_execution)(unsigned int cpu, void *data);
typedef void (*on_memory)(unsigned int cpu, uint32_t info, uint64_t virtual, void *data);
typedef void (*on_exit_of)(plugin_id id, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, on_block call);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, on_execution call, int flags, void *data);
void qemu_plugin_register_atexit_cb(plugin_id id, on_exit_of call, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, on_memory call, int flags, int kind, void *data);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t virtual);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *address);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *address);
unsigned int qemu_plugin_mem_size_shift(uint32_t info);
bool qemu_plugin_mem_is_store(uint32_t info);

#if PLUGIN_API == 1
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *counter, uint64_t add);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *counter, uint64_t add);
#else
struct qemu_plugin_scoreboard;
struct counter_place {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int cpu);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, int op,
							 struct counter_place counter, uint64_t add);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
						       struct counter_place counter, uint64_t add);

struct qemu_plugin_register;
struct plugin_register {
	struct qemu_plugin_register *handle;
	const char *name;
	const char *feature;
};
struct plugin_array {	/* GLib's GArray, of these */
	struct plugin_register *data;
	unsigned int count;
};
struct plugin_bytes {	/* GLib's GByteArray */
	uint8_t *data;
	unsigned int count;
};
struct plugin_array *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(struct qemu_plugin_register *handle, struct plugin_bytes *bytes);
#endif

/* API 1 and 2 hand out a pointer; from API 3 on the bytes are copied. One name: it is looked up. */
#define INSN_DATA "qemu_plugin_insn_data"
union insn_data {
	void *symbol;
	const void *(*get)(const struct qemu_plugin_insn *insn);	/* below 3 */
	size_t (*copy)(const struct qemu_plugin_insn *insn, void *bytes, size_t size);	/* 3 and up */
};

#endif
