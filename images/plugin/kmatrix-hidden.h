/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses that QEMU does not tell plugins of: instructions that it does as a whole. They are read off the instruction,
 * with addresses and lengths out of the registers, before it is executed.
 *
 *	hidden=BYTES/MASK:OPERAND[:OPERAND],registers=NAME[,zero=NUMBER][,big=1][,identity=1][,user=NAME/MASK]
 *
 * BYTES/MASK: how the instruction starts, see kmatrix-plugin.h. OPERAND is KIND.BASE.DISPLACEMENT.LENGTH:
 *
 *	KIND		l, s or b: it is loaded, stored, or both
 *	BASE		FIELD: the number of a register with the address
 *	DISPLACEMENT	FIELD: a number that is added to it; or -
 *	LENGTH		FIELD: a number, and one more; or rFIELD[+N]: of a register (N behind it) with it, of which no more
 *			than to the end of the page is done at once; or =N: N bytes, which the address is aligned to
 *
 * FIELD is SHIFT-WIDTH: bits of the instruction, as a number whose first byte is the highest. Registers are called NAME and
 * a number, of which `zero` has no value; big: the highest byte of their values is the first one.
 *
 * Where that is: a page's place is known from other accesses to it. Of a page that had none, from what is mapped around it,
 * if all of that is mapped at one distance. identity: what the kernel maps as it lies in memory needs neither. user: a
 * register of which any of the bits says that it is not the kernel; that is not placed, its addresses are others.
 */
#ifndef KMATRIX_HIDDEN_H
#define KMATRIX_HIDDEN_H

#define SMALL 4096	/* bytes of the smallest page */
#define KNOWN ((size_t)1 << 16)	/* pages */
#define AROUND 30	/* bits of an address below which it is around */
#define HIDDEN 16
#define OPERANDS 2

struct mapping {
	uint64_t virtual, physical;	/* 0: none */
};

static struct mapping pages[KNOWN];	/* by number */
static struct mapping around[KNOWN];	/* how far off the last of it was; virtual: its number, and one more */
static uint8_t scattered[KNOWN];	/* not all of that was so far off */

static void learn(uint64_t virtual, uint64_t physical)
{
	struct mapping *page = &pages[virtual / SMALL % KNOWN];
	uint64_t number = (virtual >> AROUND) + 1, far = virtual - physical;
	size_t place = number % KNOWN;

	page->virtual = virtual / SMALL * SMALL + 1;
	page->physical = physical / SMALL * SMALL;
	if (around[place].virtual && (around[place].virtual != number || around[place].physical != far))
		scattered[place] = 1;
	around[place] = (struct mapping){ number, far };
}

#if PLUGIN_API == 1
/* Registers cannot be read: nothing is filled in. */
static bool read_hidden(const char *option)
{
	return value_of(option, "hidden") || value_of(option, "registers") || value_of(option, "zero") ||
	       value_of(option, "big") || value_of(option, "identity") || value_of(option, "user");
}

static void watch_hidden(struct qemu_plugin_insn *insn, struct accesses *its)
{
	(void)insn;
	(void)its;
}
#else
struct field {
	unsigned int shift, width;
};

enum length { IN_INSN, IN_REGISTER, FIXED };

struct operand {
	char kind;
	struct field base, displacement, size;
	enum length length;
	unsigned int more;	/* registers behind the field's; or bytes */
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

static size_t hidden_count;
static char *registers, *user;
static uint64_t user_mask;
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

	if (number == zero)
		return 0;
	snprintf(name, sizeof(name), "%s%" PRIu64, registers, number);
	return value_in(name);
}

static bool placed(uint64_t virtual, uint64_t *physical)
{
	const struct mapping *page = &pages[virtual / SMALL % KNOWN];
	uint64_t number = (virtual >> AROUND) + 1;
	size_t place = number % KNOWN;

	if (identity && virtual < LINES * LINE)
		*physical = virtual;
	else if (page->virtual == virtual / SMALL * SMALL + 1)
		*physical = page->physical + virtual % SMALL;
	else if (around[place].virtual == number && !scattered[place])
		*physical = virtual - around[place].physical;
	else
		return false;
	return true;
}

static void do_operand(const struct operand *operand, const struct whole *whole, bool by_user)
{
	uint64_t size = operand->more, physical, most;
	uint64_t at = value_of_register(field_of(whole->code, operand->base)) + field_of(whole->code, operand->displacement);

	if (operand->length == FIXED)
		at -= at % size;
	else if (operand->length == IN_INSN)
		size = field_of(whole->code, operand->size) + 1;
	else
		size = value_of_register(field_of(whole->code, operand->size) + operand->more);
	most = SMALL - at % SMALL;
	if (operand->length == IN_REGISTER && size > most)
		size = most;
	if (!size)
		return;
	if (operand->kind != 's')
		note(false, size, whole->counts);
	if (operand->kind != 'l')
		note(true, size, whole->counts);
	if (size > most)
		size = most;	/* the next page may be elsewhere */
	if (!by_user && placed(at, &physical))
		touch_all(physical, size, whole->counts);
	else
		unplaced++;
}

static void on_hidden(unsigned int cpu, void *data)
{
	const struct whole *whole = data;
	bool by_user;

	(void)cpu;
	if (!active)
		return;
	by_user = user && value_in(user) & user_mask;
	for (size_t i = 0; i < whole->its->count; i++)
		do_operand(&whole->its->operands[i], whole, by_user);
}

static void watch_hidden(struct qemu_plugin_insn *insn, struct accesses *its)
{
	uint8_t bytes[INSN_BYTES];

	for (size_t i = 0; i < hidden_count; i++) {
		struct whole *whole;
		size_t size;

		if (!matches(insn, &hidden[i].pattern, 1))
			continue;
		whole = calloc(1, sizeof(*whole));
		if (!whole)
			fail("no memory");
		*whole = (struct whole){ &hidden[i], its, 0 };
		size = read_insn(insn, bytes);
		for (size_t b = 0; b < size && b < 8; b++)
			whole->code = whole->code << 8 | bytes[b];
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_hidden, CALLBACK_READS_REGISTERS, whole);
		return;
	}
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

static const char *read_length(const char *text, struct operand *operand)
{
	int length = 0;

	operand->length = *text == '=' ? FIXED : *text == 'r' ? IN_REGISTER : IN_INSN;
	if (operand->length != FIXED)
		text = read_field(text + (*text == 'r'), &operand->size);
	if ((*text == '=' || *text == '+') && sscanf(text + 1, "%u%n", &operand->more, &length) != 1)
		fail("a length is a field or a number");
	return text + (length ? length + 1 : 0);
}

static void read_instruction(const char *text, struct hidden *one)
{
	char *pattern = strndup(text, strcspn(text, ":"));
	size_t none = 0;

	read_pattern(pattern, &one->pattern, &none);
	for (text += strlen(pattern); *text == ':' && one->count < OPERANDS; one->count++) {
		struct operand *operand = &one->operands[one->count];

		operand->kind = text[1];
		if (!strchr("lsb", operand->kind) || text[2] != '.')
			fail("an operand is KIND.BASE.DISPLACEMENT.LENGTH");
		text = read_field(text + 3, &operand->base);
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
	else if ((value = value_of(option, "user")) && strchr(value, '/')) {
		user = strndup(value, strcspn(value, "/"));
		user_mask = strtoull(strchr(value, '/') + 1, NULL, 0);
	}
	return value;
}
#endif

#endif
