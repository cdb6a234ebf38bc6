/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text: each directive is read into a spec, then shown by one function per kind.
 */
#include "print.h"
#include "div.h"

struct sink {
	fmt_put put;
	void *ctx;
};

struct spec {
	bool left, zero;
	u32 width;
	u32 precision;		/* characters of %s at most */
	u32 size;		/* bytes of the argument */
};

#define WIDTH_MAX	1024u	/* a hostile width costs no more */

static void emit(const struct sink *s, char c)
{
	s->put(s->ctx, c);
}

static void fill(const struct sink *s, char c, u32 n)
{
	for (; n != 0; n--)
		emit(s, c);
}

/* @text of @n characters, padded to the width; zeros go between @prefix and @text. */
static void show(const struct sink *s, const struct spec *spec, const char *prefix,
		 const char *text, u32 n)
{
	u32 prefix_length = 0;
	u32 pad;

	while (prefix[prefix_length] != '\0')
		prefix_length++;
	pad = spec->width > n + prefix_length ? spec->width - n - prefix_length : 0;

	if (!spec->left && !spec->zero)
		fill(s, ' ', pad);
	for (; *prefix != '\0'; prefix++)
		emit(s, *prefix);
	if (!spec->left && spec->zero)
		fill(s, '0', pad);
	for (u32 i = 0; i < n; i++)
		emit(s, text[i]);
	if (spec->left)
		fill(s, ' ', pad);
}

/* @base is 10 or 16; @alpha is the letter that stands for digit 10. */
static void show_number(const struct sink *s, const struct spec *spec, const char *prefix,
			u64 value, u32 base, char alpha)
{
	char digits[20];	/* 2^64 - 1 has 20 decimal digits */
	u32 at = sizeof(digits);
	u32 digit;

	do {
		value = u64_divide(value, base, &digit);
		digits[--at] = (char)(digit < 10 ? '0' + (int)digit : alpha + (int)digit - 10);
	} while (value != 0);
	show(s, spec, prefix, digits + at, (u32)sizeof(digits) - at);
}

static void show_string(const struct sink *s, struct spec *spec, const char *text)
{
	u32 n = 0;

	if (text == NULL)
		text = "(null)";
	while (n < spec->precision && text[n] != '\0')
		n++;
	spec->zero = false;
	show(s, spec, "", text, n);
}

static const char *read_number(const char *fmt, u32 *out)
{
	*out = 0;
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		if (*out < WIDTH_MAX)
			*out = *out * 10 + (u32)(*fmt - '0');
	*out = MIN(*out, WIDTH_MAX);
	return fmt;
}

struct arguments {
	va_list list;		/* in a struct so that it can be passed by pointer everywhere */
};

static u64 next_unsigned(struct arguments *args, u32 size)
{
	return size == 8 ? va_arg(args->list, unsigned long long)
			 : va_arg(args->list, unsigned int);
}

static s64 next_signed(struct arguments *args, u32 size)
{
	return size == 8 ? va_arg(args->list, long long) : va_arg(args->list, int);
}

static const char *read_flags(const char *fmt, struct spec *spec)
{
	for (;; fmt++) {
		if (*fmt == '-')
			spec->left = true;
		else if (*fmt == '0')
			spec->zero = true;
		else
			return fmt;
	}
}

/* A number, or '*' for one from the arguments; negative ones count as 0. */
static const char *read_count(const char *fmt, struct arguments *args, u32 *out)
{
	s32 n;

	if (*fmt != '*')
		return read_number(fmt, out);
	n = va_arg(args->list, int);
	*out = n < 0 ? 0 : MIN((u32)n, WIDTH_MAX);
	return fmt + 1;
}

static const char *read_size(const char *fmt, struct spec *spec)
{
	if (*fmt == 'z') {
		spec->size = sizeof(size_t);
		return fmt + 1;
	}
	if (*fmt != 'l')
		return fmt;
	spec->size = sizeof(long);
	fmt++;
	if (*fmt != 'l')
		return fmt;
	spec->size = sizeof(long long);
	return fmt + 1;
}

/* Shows what the letter @c asks for; false when it is none that we know. */
static bool convert(const struct sink *s, struct spec *spec, char c, struct arguments *args)
{
	s64 number;
	char character;

	switch (c) {
	case 'd':
	case 'i':
		number = next_signed(args, spec->size);
		show_number(s, spec, number < 0 ? "-" : "",
			    number < 0 ? 0 - (u64)number : (u64)number, 10, 'a');
		return true;
	case 'u':
		show_number(s, spec, "", next_unsigned(args, spec->size), 10, 'a');
		return true;
	case 'x':
		show_number(s, spec, "", next_unsigned(args, spec->size), 16, 'a');
		return true;
	case 'X':
		show_number(s, spec, "", next_unsigned(args, spec->size), 16, 'A');
		return true;
	case 'p':
		spec->zero = true;
		spec->width = MAX(spec->width, 2 + 2 * (u32)sizeof(void *));
		show_number(s, spec, "0x", (uptr)va_arg(args->list, void *), 16, 'a');
		return true;
	case 's':
		show_string(s, spec, va_arg(args->list, const char *));
		return true;
	case 'c':
		character = (char)va_arg(args->list, int);
		spec->zero = false;
		show(s, spec, "", &character, 1);
		return true;
	case '%':
		emit(s, '%');
		return true;
	default:
		return false;
	}
}

/* @fmt stands after a '%'. Returns where the text goes on. */
static const char *directive(const struct sink *s, const char *fmt, struct arguments *args)
{
	struct spec spec = { .precision = ~0u, .size = sizeof(int) };
	const char *start = fmt;

	fmt = read_flags(fmt, &spec);
	fmt = read_count(fmt, args, &spec.width);
	if (*fmt == '.')
		fmt = read_count(fmt + 1, args, &spec.precision);
	fmt = read_size(fmt, &spec);
	if (*fmt != '\0' && convert(s, &spec, *fmt, args))
		return fmt + 1;
	emit(s, '%');
	return start;
}

void fmt_vprint(fmt_put put, void *ctx, const char *fmt, va_list list)
{
	struct sink s = { put, ctx };
	struct arguments args;

	va_copy(args.list, list);
	while (*fmt != '\0') {
		char c = *fmt++;

		if (c == '%')
			fmt = directive(&s, fmt, &args);
		else
			emit(&s, c);
	}
	va_end(args.list);
}

void fmt_print(fmt_put put, void *ctx, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fmt_vprint(put, ctx, fmt, args);
	va_end(args);
}

struct buffer {
	char *at;
	size_t size;
	size_t length;		/* of the whole text */
};

static void put_buffer(void *ctx, char c)
{
	struct buffer *b = ctx;

	if (b->length + 1 < b->size)
		b->at[b->length] = c;
	b->length++;
}

size_t fmt_vsnprint(char *buf, size_t size, const char *fmt, va_list args)
{
	struct buffer b = { buf, size, 0 };

	fmt_vprint(put_buffer, &b, fmt, args);
	if (size != 0)
		buf[MIN(b.length, size - 1)] = '\0';
	return b.length;
}

size_t fmt_snprint(char *buf, size_t size, const char *fmt, ...)
{
	size_t length;
	va_list args;

	va_start(args, fmt);
	length = fmt_vsnprint(buf, size, fmt, args);
	va_end(args);
	return length;
}
