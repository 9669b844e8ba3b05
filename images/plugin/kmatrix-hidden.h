/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses that QEMU does not tell plugins of: instructions that it does as a whole. They are read off the instruction,
 * with addresses and lengths out of the registers, before it is executed. Where QEMU tells of an execution after all, that
 * is where it went; as loads and stores it counts by its operands all the same. One that takes a fault counts each time it
 * is begun.
 *
 *	hidden=BYTES/MASK:OPERAND[:OPERAND],registers=NAME[,zero=NUMBER][,big=1][,identity=1][,user=NAME/MASK][,kernel=ADDRESS]
 *
 * BYTES/MASK: how the instruction starts, see kmatrix-plugin.h. OPERAND is KIND.BASE.DISPLACEMENT.LENGTH:
 *
 *	KIND		l, s or b: it is loaded, stored, or both; L or S: it may be in another address space, so it is not placed
 *	BASE		FIELD: the number of a register with the address; !FIELD: `zero` is a register there, too
 *	DISPLACEMENT	FIELD: a number that is added to it; or -
 *	LENGTH		FIELD: a number, and one more; or =N: N bytes, which the address is aligned to; or rFIELD+N: a register
 *			(N behind the field's) has it, of which no more than to the end of the page is done at once; or
 *			rFIELD+N%BITS, rFIELD+N<MOST: so many bits of it, or no more than that, are done as a whole.
 *			Of two operands with such lengths no more is done than both have
 *
 * FIELD is SHIFT-WIDTH: bits of the instruction, as a number whose first byte is the highest. Registers are called NAME and
 * a number, of which `zero` has no value; big: the highest byte of their values is the first one.
 *
 * Where that is: a page's place is known from other accesses to it. Of a page that had none, from what is mapped around it,
 * if all of that, of two pages at least, is mapped at one distance. identity: what the kernel maps as it lies in memory needs
 * neither, but below `low`. What is not the kernel's is not placed, its addresses may be others by now: user is a register
 * of which any of the bits says so, kernel the first address of the kernel's.
 */
#ifndef KMATRIX_HIDDEN_H
#define KMATRIX_HIDDEN_H

#define SMALL PAGE
#define KNOWN ((size_t)1 << 16)	/* pages */
#define AROUND 30	/* bits of an address below which it is around */
#define HIDDEN 16
#define OPERANDS 2

struct mapping {
	uint64_t virtual, physical;	/* 0: none */
};

static struct mapping pages[KNOWN];	/* virtual: an address of it, and one more */
static struct surroundings {
	uint64_t number, far, page;	/* of it, and one more; how far off the first of it was, and which page */
	bool two, scattered;	/* pages of it were seen; not all of them were so far off */
} around[KNOWN];

static size_t place_of(uint64_t number)
{
	return number * UINT64_C(0x9e3779b97f4a7c15) >> 48;	/* KNOWN of them */
}

static void learn(uint64_t virtual, uint64_t physical)
{
	struct mapping *page = &pages[place_of(virtual / SMALL)];
	uint64_t number = (virtual >> AROUND) + 1, far = virtual - physical;
	struct surroundings *place = &around[place_of(number)];

	page->virtual = virtual / SMALL * SMALL + 1;
	page->physical = physical / SMALL * SMALL;
	if (!place->number)
		*place = (struct surroundings){ .number = number, .far = far, .page = virtual / SMALL };
	place->scattered |= place->number != number || place->far != far;
	place->two |= place->page != virtual / SMALL;
}

/* Where a page is of which there was another access. */
static bool known_page(uint64_t virtual, uint64_t *physical)
{
	const struct mapping *page = &pages[place_of(virtual / SMALL)];

	*physical = page->physical + virtual % SMALL;
	return page->virtual == virtual / SMALL * SMALL + 1;
}

#if PLUGIN_API == 1
/* Registers cannot be read: nothing is filled in. */
static bool read_hidden(const char *option)
{
	return value_of(option, "hidden") || value_of(option, "registers") || value_of(option, "zero") ||
	       value_of(option, "big") || value_of(option, "identity") || value_of(option, "user") ||
	       value_of(option, "kernel");
}

static void settle(void)
{
}

static bool watch_hidden(struct qemu_plugin_insn *insn, struct accesses *its)
{
	(void)insn;
	(void)its;
	return false;
}
#else
struct field {
	unsigned int shift, width;
};

enum length { IN_INSN, IN_REGISTER, FIXED };

struct operand {
	char kind;
	bool any;	/* register has a value */
	struct field base, displacement, size;
	enum length length;
	unsigned int more;	/* registers behind the field's; or bytes */
	unsigned int bits, most;	/* of a length in a register; 0: no such limit */
};

static struct hidden {
	struct pattern pattern;
	struct operand operands[OPERANDS];
	size_t count;
} hidden[HIDDEN];

/* An instruction that was translated. */
struct whole {
	const struct hidden *its;
	struct accesses *counts;
	uint64_t code;
};

/* What it does, if QEMU tells nothing of that: known with the next thing that happens. */
static struct {
	const struct whole *whole;	/* NULL: there is none */
	struct {
		uint64_t at, size;
		bool both, elsewhere;
	} parts[OPERANDS];
} pending;

static size_t hidden_count;
static char *registers, *user;
static uint64_t user_mask, kernel;
static unsigned long zero = ~0UL;
static bool big, identity;

static uint64_t field_of(uint64_t code, struct field field)
{
	return field.width ? code >> field.shift & ((UINT64_C(1) << field.width) - 1) : 0;
}

static uint64_t value_in(const char *name)
{
	static struct plugin_bytes *(*new_bytes)(void);
	static void (*set_size)(struct plugin_bytes *, unsigned int);
	static struct plugin_array *all;
	static struct plugin_bytes *bytes;
	uint64_t value = 0;

	if (!bytes) {
		*(void **)&new_bytes = dlsym(RTLD_DEFAULT, "g_byte_array_new");
		*(void **)&set_size = dlsym(RTLD_DEFAULT, "g_byte_array_set_size");
		if (!new_bytes || !set_size)
			fail("this QEMU has no g_byte_array_new");
		bytes = new_bytes();
		all = qemu_plugin_get_registers();
	}
	for (unsigned int i = 0; i < all->count; i++) {
		if (strcmp(all->data[i].name, name))
			continue;
		set_size(bytes, 0);
		qemu_plugin_read_register(all->data[i].handle, bytes);
		if (!bytes->count)
			fail("a register cannot be read");
		for (unsigned int b = 0; b < bytes->count && b < 8; b++)
			value |= (uint64_t)bytes->data[b] << 8 * (big ? bytes->count - 1 - b : b);
		return value;
	}
	fail("a register is not there");
	return 0;
}

static uint64_t value_of_register(uint64_t number)
{
	char name[32];

	snprintf(name, sizeof(name), "%s%" PRIu64, registers, number);
	return value_in(name);
}

static bool placed(uint64_t virtual, uint64_t *physical)
{
	uint64_t number = (virtual >> AROUND) + 1;
	const struct surroundings *place = &around[place_of(number)];

	if (known_page(virtual, physical))
		return true;
	if (identity && virtual >= low)
		*physical = virtual;
	else if (place->number == number && place->two && !place->scattered)
		*physical = virtual - place->far;
	else
		return false;
	return *physical < (LINES - 1) * LINE - SMALL;
}

static uint64_t address_of(const struct operand *operand, uint64_t code)
{
	uint64_t number = field_of(code, operand->base), at = field_of(code, operand->displacement);

	return number == zero && !operand->any ? at : at + value_of_register(number);
}

static uint64_t length_of(const struct operand *operand, uint64_t code, uint64_t at)
{
	uint64_t size, to_end = SMALL - at % SMALL;

	if (operand->length == FIXED)
		return operand->more;
	if (operand->length == IN_INSN)
		return field_of(code, operand->size) + 1;
	size = value_of_register(field_of(code, operand->size) + operand->more);
	if (operand->bits)
		return size & ((UINT64_C(1) << operand->bits) - 1);
	if (operand->most)
		return size < operand->most ? size : operand->most;
	return size < to_end ? size : to_end;
}

/* QEMU has told nothing of it. */
static void settle(void)
{
	const struct whole *whole = pending.whole;

	pending.whole = NULL;
	for (size_t i = 0; whole && i < whole->its->count; i++) {
		uint64_t at = pending.parts[i].at, left = pending.parts[i].size, physical;

		whole->counts->bytes += left << pending.parts[i].both;
		while (left) {	/* each page may be elsewhere */
			uint64_t here = SMALL - at % SMALL;

			if (here > left)
				here = left;
			if (!pending.parts[i].elsewhere && placed(at, &physical))
				touch_all(physical, here, whole->counts);
			else
				unplaced++;
			at += here;
			left -= here;
		}
	}
}

static void on_hidden(unsigned int cpu, void *data)
{
	const struct whole *whole = data;
	const struct hidden *its = whole->its;
	uint64_t size[OPERANDS] = { 0 };
	bool by_user;

	(void)cpu;
	if (!active())
		return;
	settle();
	by_user = user && value_in(user) & user_mask;
	for (size_t i = 0; i < its->count; i++) {
		const struct operand *operand = &its->operands[i];
		uint64_t at = address_of(operand, whole->code);

		if (operand->length == FIXED)
			at -= at % operand->more;
		size[i] = length_of(operand, whole->code, at);
		pending.parts[i].at = at;
		pending.parts[i].both = operand->kind == 'b';
		pending.parts[i].elsewhere = by_user || at < kernel || isupper(operand->kind);
	}
	if (its->count == 2 && its->operands[0].length == IN_REGISTER && size[1])
		size[0] = size[1] = size[0] < size[1] ? size[0] : size[1];
	for (size_t i = 0; i < its->count; i++) {
		pending.parts[i].size = size[i];
		whole->counts->stores += size[i] && tolower(its->operands[i].kind) != 'l';
		whole->counts->loads += size[i] && tolower(its->operands[i].kind) != 's';
	}
	pending.whole = whole;
}

/* Byte by byte, or for some lengths, or where a page is watched. */
static void on_told(unsigned int cpu, uint32_t info, uint64_t virtual, void *data)
{
	const struct whole *whole = data;
	uint64_t size = (uint64_t)1 << qemu_plugin_mem_size_shift(info);

	(void)cpu;
	if (!active())
		return;
	if (pending.whole == whole)
		pending.whole = NULL;
	if (touch_access(info, virtual, size, whole->counts))
		whole->counts->bytes += size;
}

/* Is it one of them? */
static bool watch_hidden(struct qemu_plugin_insn *insn, struct accesses *its)
{
	uint8_t bytes[INSN_BYTES];

	for (size_t i = 0; readable && i < hidden_count; i++) {
		struct whole *whole;
		size_t size;

		if (!matches(insn, &hidden[i].pattern, 1))
			continue;
		whole = calloc(1, sizeof(*whole));
		if (!whole)
			fail("no memory");
		*whole = (struct whole){ .its = &hidden[i], .counts = its };
		size = read_insn(insn, bytes);
		for (size_t b = 0; b < size && b < 8; b++)
			whole->code = whole->code << 8 | bytes[b];
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_hidden, CALLBACK_READS_REGISTERS, whole);
		qemu_plugin_register_vcpu_mem_cb(insn, on_told, CALLBACK_NO_REGISTERS, ACCESS_BOTH, whole);
		return true;
	}
	return false;
}

static const char *read_field(const char *text, struct field *field)
{
	int length;

	if (*text == '-')
		return text + 1;
	if (sscanf(text, "%u-%u%n", &field->shift, &field->width, &length) != 2 || field->width > 32)
		fail("a field is SHIFT-WIDTH");
	return text + length;
}

static const char *read_number(const char *text, unsigned int *number)
{
	int length;

	if (sscanf(text, "%u%n", number, &length) != 1)
		fail("a length is a field or a number");
	return text + length;
}

static const char *read_length(const char *text, struct operand *operand)
{
	operand->length = *text == '=' ? FIXED : *text == 'r' ? IN_REGISTER : IN_INSN;
	if (operand->length != FIXED)
		text = read_field(text + (*text == 'r'), &operand->size);
	if (*text == '=' || *text == '+')
		text = read_number(text + 1, &operand->more);
	if (*text == '%')
		return read_number(text + 1, &operand->bits);
	return *text == '<' ? read_number(text + 1, &operand->most) : text;
}

static void read_instruction(const char *text, struct hidden *one)
{
	char *pattern = strndup(text, strcspn(text, ":"));
	size_t none = 0;

	read_pattern(pattern, &one->pattern, &none);
	for (text += strlen(pattern); *text == ':' && one->count < OPERANDS; one->count++) {
		struct operand *operand = &one->operands[one->count];

		operand->kind = text[1];
		if (!operand->kind || !strchr("lsbLS", operand->kind) || text[2] != '.')
			fail("an operand is KIND.BASE.DISPLACEMENT.LENGTH");
		operand->any = text[3] == '!';
		text = read_field(text + 3 + operand->any, &operand->base);
		text = read_field(text + (*text == '.'), &operand->displacement);
		text = read_length(text + (*text == '.'), operand);
	}
	if (*text || !one->count)
		fail("a hidden instruction has one or two operands");
	free(pattern);
}

/* Was it one of ours? */
static bool read_hidden(const char *option)
{
	const char *value;

	if ((value = value_of(option, "hidden")) && hidden_count < HIDDEN)
		read_instruction(value, &hidden[hidden_count++]);
	else if ((value = value_of(option, "registers")))
		registers = strdup(value);
	else if ((value = value_of(option, "zero")))
		zero = strtoul(value, NULL, 0);
	else if ((value = value_of(option, "big")))
		big = *value == '1';
	else if ((value = value_of(option, "identity")))
		identity = *value == '1';
	else if ((value = value_of(option, "kernel")))
		kernel = strtoull(value, NULL, 0);
	else if ((value = value_of(option, "user")) && strchr(value, '/')) {
		user = strndup(value, strcspn(value, "/"));
		user_mask = strtoull(strchr(value, '/') + 1, NULL, 0);
	}
	return value;
}
#endif

#endif
