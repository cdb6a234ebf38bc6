/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial line, promises, and the end. */
#include <stdarg.h>
#include "guest.h"

#define COM1		0x3f8
#define LINE_STATUS	(COM1 + 5)
#define TRANSMITTER_EMPTY 0x40
#define HOLDING_EMPTY	0x20
#define SHUTDOWN_PORT	0x8900

#define LINE_CONTROL	(COM1 + 3)
#define DIVISOR_ACCESS	0x80
#define EIGHT_BITS	3

static u32 broken;		/* expect()s that failed since the last kept() */

void say_init(void)		/* 115200 baud, 8 bits, no interrupts */
{
	outb(LINE_CONTROL, DIVISOR_ACCESS | EIGHT_BITS);
	outb(COM1, 1);
	outb(COM1 + 1, 0);
	outb(LINE_CONTROL, EIGHT_BITS);
	outb(COM1 + 1, 0);
}

static void put(char c)
{
	if (c == '\n')
		put('\r');
	while (!(inb(LINE_STATUS) & HOLDING_EMPTY))
		;
	outb(COM1, (u8)c);
}

static void put_number(u64 value, u32 base, u32 width)
{
	char digits[24];
	u32 count = 0;

	do {
		u32 digit;

		if (base == 16) {
			digit = value & 15;
			value >>= 4;
		} else {
			digit = (u32)value % 10;		/* decimals are short here */
			value = (u32)value / 10;
		}
		digits[count++] = "0123456789abcdef"[digit];
	} while (value || count < width);
	while (count)
		put(digits[--count]);
}

static void say_list(const char *format, va_list list)
{
	for (; *format; format++) {
		u32 width = 0, longs = 0;

		if (*format != '%') {
			put(*format);
			continue;
		}
		for (format++; *format >= '0' && *format <= '9'; format++)
			width = width * 10 + (u32)(*format - '0');
		for (; *format == 'l'; format++)
			longs++;
		if (*format == 's')
			for (const char *text = va_arg(list, const char *); *text; text++)
				put(*text);
		else if (*format == 'c')
			put((char)va_arg(list, int));
		else
			put_number(longs == 2 ? va_arg(list, u64) : va_arg(list, u32), *format == 'x' ? 16 : 10, width);
	}
}

void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_list(format, list);
	va_end(list);
}

void promise(bool is_kept, const char *name, const char *sentence)
{
	say("%s %s: %s\n", is_kept ? "PASS" : "FAIL", name, sentence);
}

void expect(bool good, const char *format, ...)
{
	va_list list;

	if (good)
		return;
	broken++;
	say("  seen: ");
	va_start(list, format);
	say_list(format, list);
	va_end(list);
	say("\n");
}

void kept(const char *name, const char *sentence)
{
	promise(!broken, name, sentence);
	broken = 0;
}

void kept_by_us(const char *name, const char *sentence)
{
	if (on_us())
		kept(name, sentence);
	broken = 0;
}

void done(void)
{
	say("DONE\n\n\n");
	while (!(inb(LINE_STATUS) & TRANSMITTER_EMPTY))
		;
	for (const char *word = "Shutdown"; *word; word++)
		outb(SHUTDOWN_PORT, (u8)*word);
	for (;;)
		__asm__ volatile("cli; hlt");
}
