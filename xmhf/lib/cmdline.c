/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: words are looked up in one table and checked by their kind.
 */
#include "cmdline.h"
#include "print.h"
#include "string.h"

#define SIZE_2M_MASK	(SIZE_2M - 1)
#define WORD_SHOWN	60	/* characters of a bad word in a message */

enum kind {
	NUMBER,			/* decimal, or hexadecimal with 0x */
	SIZE,			/* a number with K, M or G behind */
	FLAG,			/* 0 or 1; the bare word is 1 */
	BASE,			/* a multiple of 2 MiB, or "auto" */
	SERIAL,			/* baud[,format[,port]], or "off" */
};

struct option {
	char name[12];
	enum kind kind;
	u32 offset;		/* in struct boot_options */
	u64 min, max;
	const char *help;
};

#define OPTION(name, kind, min, max, help) \
	{ #name, kind, (u32)offsetof(struct boot_options, name), min, max, help }

static const struct option options_known[] = {
	OPTION(serial,     SERIAL, 0, 0, "115200,8n1,0x3f8: baud, format, I/O port; or off"),
	OPTION(boot_drive, NUMBER, 0, 0xff, "BIOS drive whose boot sector is the guest"),
	OPTION(sl_base,    BASE,   SIZE_2M, SIZE_4G - SIZE_2M, "where the hypervisor lies, or auto"),
	OPTION(loglvl,     NUMBER, 0, 7, "how much to log"),
	OPTION(max_cpus,   NUMBER, 1, 1024, "CPUs that the guest gets"),
	OPTION(stat_user,  FLAG,   0, 1, "statistics hypercalls from user mode too"),
	OPTION(ept_pool,   SIZE,   0, 64 * SIZE_1G, "memory for nested page tables, 0: by RAM"),
};

/* Words of other versions that nothing needs now. */
static const char obsolete[][12] = {
	"no_init_smp", "no-init-smp", "no_x2apic", "no-x2apic", "ept_num",
};

/* A piece of the command line, not ended by a NUL. */
struct text {
	const char *at;
	size_t length;
};

struct word {
	struct text all, name, value;
	bool has_value;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool same(struct text text, const char *s)
{
	size_t n = strlen(s);

	return text.length == n && memcmp(text.at, s, n) == 0;
}

/* Cuts @text at the first @c: returns what is before, leaves what is behind; all if there is none. */
static struct text cut(struct text *text, char c)
{
	struct text head = { text->at, 0 };

	while (head.length < text->length && text->at[head.length] != c)
		head.length++;
	text->at += head.length;
	text->length -= head.length;
	if (text->length != 0) {
		text->at++;
		text->length--;
	}
	return head;
}

static u32 digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (u32)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (u32)(c - 'a') + 10 : 16;
}

static bool parse_number(struct text text, u64 *out)
{
	u32 base = 10;
	u64 value = 0;

	if (text.length > 2 && text.at[0] == '0' && (text.at[1] | 0x20) == 'x') {
		base = 16;
		text.at += 2;
		text.length -= 2;
	}
	for (size_t i = 0; i < text.length; i++) {
		u32 digit = digit_value(text.at[i]);

		if (digit >= base || value > (base == 16 ? ~0ull / 16 : ~0ull / 10))
			return false;
		if (value * base > ~0ull - digit)
			return false;
		value = value * base + digit;
	}
	*out = value;
	return text.length != 0;
}

static bool parse_size(struct text text, u64 *out)
{
	u32 shift = 0;
	char last = '\0';

	if (text.length != 0)
		last = text.at[text.length - 1] | 0x20;
	if (last == 'k')
		shift = 10;
	else if (last == 'm')
		shift = 20;
	else if (last == 'g')
		shift = 30;
	if (shift != 0)
		text.length--;
	if (!parse_number(text, out) || *out > ~0ull >> shift)
		return false;
	*out <<= shift;
	return true;
}

/* "8n1" */
static bool parse_format(struct text text, struct uart_options *out)
{
	if (text.length != 3 || text.at[0] < '5' || text.at[0] > '8')
		return false;
	if (strchr("noe", text.at[1]) == NULL || text.at[1] == '\0')
		return false;
	if (text.at[2] != '1' && text.at[2] != '2')
		return false;
	out->data_bits = (u32)(text.at[0] - '0');
	out->parity = (u8)text.at[1];
	out->stop_bits = (u32)(text.at[2] - '0');
	return true;
}

static const char *parse_serial(struct text text, struct uart_options *out)
{
	struct text baud = cut(&text, ',');
	struct text format = cut(&text, ',');
	struct uart_options result = *out;
	u64 number;

	if (same(baud, "off")) {
		out->port = 0;
		return NULL;
	}
	if (!parse_number(baud, &number) || number == 0 || number > 115200 || 115200 % (u32)number != 0)
		return "the baud rate must divide 115200";
	result.baud = (u32)number;
	if (format.length != 0 && !parse_format(format, &result))
		return "the format must be like 8n1";
	if (text.length != 0) {
		if (!parse_number(text, &number) || number == 0 || number > 0xfff8)
			return "the port must be a number from 1 to 0xfff8";
		result.port = (u32)number;
	}
	*out = result;
	return NULL;
}

/* Takes @value by the rules of @option; returns what is wrong, NULL if nothing is. */
static const char *take_value(const struct option *option, const struct word *word, void *field,
			      char *buf, size_t size)
{
	u64 number = 1;

	if (!word->has_value && option->kind != FLAG)
		return "needs a value";
	if (option->kind == SERIAL)
		return parse_serial(word->value, field);
	if (option->kind == BASE && same(word->value, "auto")) {
		*(u64 *)field = SL_BASE_AUTO;
		return NULL;
	}
	if (word->has_value) {
		if (option->kind == SIZE && !parse_size(word->value, &number))
			return "isn't a size like 64M";
		if (option->kind != SIZE && !parse_number(word->value, &number))
			return "isn't a number";
	}
	if (number < option->min || number > option->max) {
		fmt_snprint(buf, size, "out of range 0x%llx..0x%llx", option->min,
			    option->max);
		return buf;
	}
	if (option->kind == BASE && (number & SIZE_2M_MASK) != 0)
		return "isn't a multiple of 2 MiB (0x200000)";
	*(u64 *)field = number;
	return NULL;
}

/* Appends a hypapp's word to those before. */
static const char *take_app_word(struct text word, struct boot_options *options)
{
	size_t used = strlen(options->app);
	size_t needed = used + (used != 0 ? 1 : 0) + word.length + 1;

	if (needed > CMDLINE_APP_SIZE)
		return "the hypapp's options are longer than 511 characters";
	if (used != 0)
		options->app[used++] = ' ';
	memcpy(options->app + used, word.at, word.length);
	options->app[used + word.length] = '\0';
	return NULL;
}

static bool is_app_word(const struct word *word)
{
	return word->name.length > 4 && memcmp(word->name.at, "app.", 4) == 0;
}

static bool is_obsolete(const struct word *word)
{
	for (u32 i = 0; i < ARRAY_SIZE(obsolete); i++)
		if (same(word->name, obsolete[i]))
			return true;
	return false;
}

static void note_obsolete(const struct word *word, struct cmdline_report *report)
{
	size_t used = strlen(report->notice);

	fmt_snprint(report->notice + used, sizeof(report->notice) - used, "%s%.*s",
		    used == 0 ? "not needed any more, ignored: " : " ",
		    (int)MIN(word->name.length, 12), word->name.at);
}

static const struct option *find_option(struct text name)
{
	for (u32 i = 0; i < ARRAY_SIZE(options_known); i++)
		if (same(name, options_known[i].name))
			return &options_known[i];
	return NULL;
}

static bool take_word(const struct word *word, struct boot_options *options,
		      struct cmdline_report *report)
{
	const struct option *option = find_option(word->name);
	const char *error = "unknown option";
	char buf[64];

	if (is_obsolete(word)) {
		note_obsolete(word, report);
		return true;
	}
	if (is_app_word(word))
		error = take_app_word(word->all, options);
	else if (option != NULL)
		error = take_value(option, word, (u8 *)options + option->offset, buf, sizeof(buf));
	if (error == NULL)
		return true;
	fmt_snprint(report->error, sizeof(report->error), "%.*s: %s",
		    (int)MIN(word->all.length, WORD_SHOWN), word->all.at, error);
	return false;
}

void cmdline_defaults(struct boot_options *options)
{
	memset(options, 0, sizeof(*options));
	options->boot_drive = BOOT_DRIVE_UNSET;
	options->sl_base = SL_BASE_AUTO;
	options->loglvl = 4;
	options->max_cpus = 1024;
	options->serial = (struct uart_options){ 0x3f8, 115200, 8, 1, 'n' };
}

bool cmdline_parse(const char *line, struct boot_options *options, struct cmdline_report *report)
{
	report->error[0] = '\0';
	report->notice[0] = '\0';
	for (;;) {
		struct word word;

		while (is_space(*line))
			line++;
		if (*line == '\0')
			return true;
		word.all = (struct text){ line, 0 };
		while (*line != '\0' && !is_space(*line))
			line++;
		word.all.length = (size_t)(line - word.all.at);
		word.value = word.all;
		word.name = cut(&word.value, '=');
		word.has_value = word.name.length < word.all.length;
		if (!take_word(&word, options, report))
			return false;
	}
}

const char *cmdline_app_value(const struct boot_options *options, const char *name, size_t *length)
{
	struct text rest = { options->app, strlen(options->app) };

	while (rest.length != 0) {
		struct text value = cut(&rest, ' ');
		struct text word = cut(&value, '=');

		word.at += 4;		/* "app." */
		word.length -= 4;
		if (same(word, name)) {
			*length = value.length;
			return value.at;
		}
	}
	return NULL;
}

const char *cmdline_help(u32 index, char *buf, size_t size)
{
	const struct option *option;

	if (index >= ARRAY_SIZE(options_known))
		return NULL;
	option = &options_known[index];
	if (option->kind == SERIAL)
		fmt_snprint(buf, size, "%-10s  %s", option->name, option->help);
	else
		fmt_snprint(buf, size, "%-10s  0x%llx..0x%llx  %s", option->name,
			    option->min, option->max, option->help);
	return buf;
}
