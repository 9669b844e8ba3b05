/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * By which calls each function was reached: a shadow stack that is moved at the start of each block.
 *
 * It needs no registers, which QEMU 7.2 does not show. What a block can do is known from the one before: a call is a
 * call instruction that arrives where a function is called; a return arrives where the innermost call goes on;
 * an exception arrives at code that is marked so, and ends with an exception return. All else that changes the
 * function, such as a tail call, code that runs on into the next function, or a call of or by one that is marked as
 * dropping the address that it was called from (returns made safe against speculation: where an interrupt comes upon
 * one, Linux itself completes it, and what is executed next is where that leads), does so at the same depth. An
 * instruction that raised an exception, and is executed again, counts once, as in the account by function: sums by
 * function must be that.
 *
 * Where the kernel switches to another task's stack nothing is known of it. From there until the workload's own code
 * goes on, all is below OTHER_TASKS. A way from the kernel to the workload or back that nothing explains is a stray.
 */
#define NODES ((size_t)1 << 20)	/* at most */
#define DEEPEST 4096
#define EXCEPTION UINT64_MAX	/* no return address */
#define OTHER_TASKS 1	/* the node */
#define STEPS (2 * BLOCKS)	/* at most */

enum { ENTERS_KERNEL = 1, SWITCHES_STACK = 2, IS_WORKLOAD = 4, UNRETURNED = 8 };

struct function {
	uint64_t start, end, local;	/* local: where calls may arrive, too */
	unsigned int flags;
};

struct node {
	uint32_t function, parent, child, sibling;
	uint64_t self;
};

/* A block, or as much of it as is in one function, and what is known of it when it is translated. */
struct step {
	uint64_t start;
	uint32_t function, count;
	bool odd, entry, calls, leaves_exception;	/* odd: what is done of it depends on more than where it is */
	uint64_t next;
	uint64_t missing;	/* instructions that executions of it did not get to, so far */
	size_t first;	/* counter; its instructions have count of them */
} __attribute__((aligned(64)));

struct frame {
	uint64_t back;	/* where the caller goes on; EXCEPTION */
	uint32_t node;
	struct step *last;	/* of an exception: the block that it came after, and whether all of that ran */
	bool whole;
};

static char *paths_out;
static struct function *functions;
static size_t function_count;
static struct step *steps;
static size_t steps_used;
static struct node *nodes;
static uint32_t node_count;
static struct frame stack[DEEPEST];
static size_t level, bottom;	/* frames; those below are the workload's, and wait for it */
static uint32_t here;	/* the node */
static bool elsewhere;	/* in another task */
static bool resumed;	/* by the block that is just beginning, if it is nothing but the return from an interrupt */
static uint64_t strays;

/* What is needed at every block. */
static struct {
	bool following;	/* in the region, in no interrupt */
	bool slow;	/* more than the place counts at the next block */
	bool whole;	/* all of the block before ran */
	uint32_t function;	/* of the node, and of the block before */
	uint32_t pending;	/* instructions of the block before that are not counted yet */
	struct step *last;	/* the block before */
	uint64_t *self;	/* the node's count */
	uint64_t back;	/* where the innermost call goes on */
} now = { .slow = true };

static uint32_t child_of(uint32_t parent, uint32_t function)
{
	uint32_t node = nodes[parent].child;

	while (node && nodes[node].function != function)
		node = nodes[node].sibling;
	if (node)
		return node;
	if (node_count == NODES)
		fail("too many call paths");
	nodes[node_count] = (struct node){ function, parent, 0, nodes[parent].child, 0 };
	nodes[parent].child = node_count;
	return node_count++;
}

static void push(uint64_t back, uint32_t function)
{
	if (level == DEEPEST) {
		strays++;
		level = bottom;
	}
	stack[level++] = (struct frame){ back, here, now.last, now.whole };
	here = child_of(here, function);
}

/* Moves are over: what the next block is held against. */
static void arrive(struct step *at)
{
	now.last = at;
	now.self = &nodes[here].self;
	now.function = nodes[here].function;
	now.back = level > bottom ? stack[level - 1].back : 0;
}

static void take_back(const struct frame *frame)
{
	here = frame->node;
	now.last = frame->last;
	now.whole = frame->whole;
}

static bool pop_exception(void)
{
	while (level > bottom)
		if (stack[--level].back == EXCEPTION) {
			take_back(&stack[level]);
			return true;
		}
	return false;
}

/* The block before is over. */
static void settle(void)
{
	if (now.pending)
		nodes[here].self += now.pending;
	now.pending = 0;
}

static uint64_t missing(const struct step *step)
{
	uint64_t all = counter(step->first) * step->count;

	for (uint32_t i = 0; i < step->count; i++)
		all -= counter(step->first + i);
	return all;
}

static void enter_kernel(const struct step *step)
{
	uint64_t all = missing(now.last);

	if (all != now.last->missing) {	/* one of its instructions raised it, and is executed again */
		nodes[here].self -= all - now.last->missing + 1;
		now.last->missing = all;
		now.whole = false;
	}
	push(EXCEPTION, step->function);
}

/* Of the frames only those of the workload's own code can be known again. */
static void leave_task(uint32_t function)
{
	size_t kernel = bottom;

	if (!elsewhere) {
		while (kernel < level && !(stack[kernel].back == EXCEPTION &&
					   functions[nodes[stack[kernel].node].function].flags & IS_WORKLOAD))
			kernel++;
		bottom = kernel < level ? kernel + 1 : 0;
	}
	elsewhere = true;
	level = bottom;
	here = child_of(OTHER_TASKS, function);
}

static void come_back(void)
{
	elsewhere = false;
	level = bottom;
	bottom = 0;
	if (level)
		take_back(&stack[--level]);
}

static void move(const struct step *step)
{
	const struct function *to = &functions[step->function];

	if (elsewhere && to->flags & IS_WORKLOAD)
		come_back();
	else if (now.last->leaves_exception)
		pop_exception();
	if (level > bottom && stack[level - 1].back == step->start) {
		here = stack[--level].node;
	} else if (to->flags & ENTERS_KERNEL && !(functions[now.last->function].flags & ENTERS_KERNEL)) {
		enter_kernel(step);
	} else if (now.last->calls && now.whole && step->entry &&
		   !((to->flags | functions[now.last->function].flags) & UNRETURNED)) {
		push(now.last->next, step->function);
	}
	if (to->flags & SWITCHES_STACK && nodes[here].function != step->function) {
		leave_task(step->function);
	} else if (nodes[here].function != step->function) {
		strays += (to->flags ^ functions[nodes[here].function].flags) & IS_WORKLOAD ? 1 : 0;
		here = child_of(nodes[here].parent, step->function);
	} else if (to->flags & SWITCHES_STACK && step->entry) {
		leave_task(step->function);
	}
}

/* After what else is called at its first instruction. */
static void on_step(unsigned int cpu, void *data)
{
	struct step *step = data;

	(void)cpu;
	if (!now.following)
		return;
	if (step->function == now.function && !step->odd && !now.slow && step->start != now.back) {
		*now.self += now.pending;
		now.pending = step->count;
		now.last = step;
		now.whole = true;
		return;
	}
	if (resumed && step->leaves_exception && step->count == 1) {
		resumed = false;
		return;
	}
	resumed = false;
	settle();
	if (now.last)
		move(step);
	else
		here = child_of(0, step->function);
	arrive(step);
	now.pending = step->count;
	now.whole = true;
	now.slow = step->leaves_exception;
}

static void paths_begin(void)
{
	if (!paths_out)
		return;
	for (size_t s = 0; s < steps_used; s++)
		steps[s].missing = missing(&steps[s]);
	nodes[0] = nodes[OTHER_TASKS] = (struct node){ 0 };
	node_count = OTHER_TASKS + 1;
	level = bottom = here = 0;
	elsewhere = resumed = false;
	strays = 0;
	now.last = NULL;
	now.pending = 0;
	now.following = now.slow = true;
}

/* What was interrupted goes on as if nothing had been, so the way into the interrupt is taken back. */
static void paths_interrupt(void)
{
	if (!now.following)
		return;
	now.following = false;
	settle();
	if (functions[nodes[here].function].flags & ENTERS_KERNEL)
		pop_exception();
}

static void paths_resume(void)
{
	now.following = paths_out;
	now.slow = resumed = true;
}

static void paths_end(void)
{
	FILE *file;

	if (!paths_out)
		return;
	now.following = false;
	settle();
	file = fopen(paths_out, "w");
	if (!file)
		fail("the call paths cannot be written");
	fprintf(file, "kmatrix-paths 1 %" PRIu64 "\n", strays);
	for (uint32_t n = 1; n < node_count; n++)
		fprintf(file, "%" PRIu32 " %" PRIx64 " %" PRIu64 "\n", nodes[n].parent,
			functions[nodes[n].function].start, nodes[n].self);
	if (fclose(file))
		fail("the call paths cannot be written");
}

/* An instruction that was thought to be a block's last is the first of another. */
static void paths_shorten(uint64_t address)
{
	for (size_t s = 0; s < steps_used; s++)
		if (steps[s].count > 1 && addresses[steps[s].first + steps[s].count - 1] == address)
			steps[s].count--;
}

static uint32_t function_at(uint64_t address)
{
	size_t low = 0, high = function_count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (functions[middle].start <= address)
			low = middle;
		else
			high = middle;
	}
	return address < functions[low].end ? low : 0;
}

/* Instructions of a block, from the one numbered `from` up to `to`, all in one function. */
static void follow_part(struct qemu_plugin_tb *tb, size_t from, size_t to, uint32_t function)
{
	struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, from);
	struct qemu_plugin_insn *end = qemu_plugin_tb_get_insn(tb, to - 1);
	struct step *step = &steps[steps_used++];

	if (steps_used == STEPS)
		fail("too many translations to follow call paths");
	step->start = qemu_plugin_insn_vaddr(first);
	step->next = qemu_plugin_insn_vaddr(end) + qemu_plugin_insn_size(end);
	step->first = blocks[blocks_used - 1].first + from;
	step->count = to - from;
	step->function = function;
	step->entry = functions[function].start == step->start || functions[function].local == step->start;
	step->calls = matches(end, calls, call_count);
	step->leaves_exception = matches(end, erets, eret_count);
	step->odd = step->entry || step->leaves_exception;
	qemu_plugin_register_vcpu_insn_exec_cb(first, on_step, CALLBACK_NO_REGISTERS, step);
}

/* The block is the last one of blocks. */
static void follow(struct qemu_plugin_tb *tb)
{
	const struct block *block = &blocks[blocks_used - 1];
	size_t count = really_in(block), from = 0;
	uint32_t function;

	if (!paths_out)
		return;
	function = function_at(addresses[block->first]);
	for (size_t i = 1; i < count; i++) {
		uint32_t other = function_at(addresses[block->first + i]);

		if (other == function)
			continue;
		follow_part(tb, from, i, function);
		from = i;
		function = other;
	}
	follow_part(tb, from, count, function);
}

/* Lines START END FLAGS LOCAL in hex, in the order of addresses. The first stands for all code of no function. */
static void read_functions(const char *name)
{
	FILE *file = fopen(name, "r");
	struct function read = { 0 };
	size_t room = 0;

	if (!file)
		fail("the functions cannot be read");
	do {
		if (function_count == room) {
			room = room ? 2 * room : 1 << 14;
			functions = realloc(functions, room * sizeof(*functions));
			if (!functions)
				fail("no memory");
		}
		functions[function_count++] = read;
	} while (fscanf(file, "%" SCNx64 " %" SCNx64 " %x %" SCNx64, &read.start, &read.end, &read.flags,
			&read.local) == 4);
	fclose(file);
	nodes = reserve(NODES, sizeof(*nodes));
	steps = reserve(STEPS, sizeof(*steps));
}
