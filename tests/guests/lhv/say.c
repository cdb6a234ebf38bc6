/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial line, one whole line at a time, and the end. */
#include "lhv.h"
#include "lib/io.h"
#include "lib/print.h"
#include "lib/uart.h"

#define COM1		0x3f8
#define LINE_STATUS	(COM1 + 5)
#define TRANSMITTER_EMPTY 0x40
#define SHUTDOWN_PORT	0x8900
#define LINE_BYTES	256
#define TOLD		10		/* failed checks of an option, on each CPU */
#define NOBODY		(~0u)

static u32 owner = NOBODY;		/* the CPU that prints: L1 may come in between L2's line */

void say_init(void)
{
	uart_init(&(struct uart_options){ COM1, 115200, 8, 1, 'n' });
}

static bool take(u32 me)
{
	u32 nobody;

	if (__atomic_load_n(&owner, __ATOMIC_RELAXED) == me)
		return false;
	do {
		cpu_pause();
		nobody = NOBODY;
	} while (!__atomic_compare_exchange_n(&owner, &nobody, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

static void say_list(const char *format, va_list list)
{
	char line[LINE_BYTES];
	bool mine;

	fmt_vsnprint(line, sizeof(line), format, list);
	mine = take(task_slot() / 2);
	for (const char *p = line; *p; p++)
		uart_putc(*p);
	if (mine)
		__atomic_store_n(&owner, NOBODY, __ATOMIC_RELEASE);
}

void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_list(format, list);
	va_end(list);
}

void check(const struct option *o, bool good, const char *seen, ...)
{
	struct cpu *c = this_cpu();
	u32 place = 0;
	char text[LINE_BYTES];
	va_list list;

	while (options[place] != o)
		place++;
	c->checks[place]++;
	if (good)
		return;
	if (c->broken[place]++ >= TOLD)
		return;
	va_start(list, seen);
	fmt_vsnprint(text, sizeof(text), seen, list);
	va_end(list);
	say("  seen by %s: cpu %u L%u iteration %u: %s\n", o->name, c->index, this_level() + 1, c->iteration, text);
}

void fail(const char *format, ...)
{
	char text[LINE_BYTES];
	va_list list;

	va_start(list, format);
	fmt_vsnprint(text, sizeof(text), format, list);
	va_end(list);
	say("FAIL lhv: cpu %u: %s\n", task_slot() / 2, text);
	done();
}

void done(void)
{
	say("DONE\n\n\n");
	while (!(inb(LINE_STATUS) & TRANSMITTER_EMPTY))
		;
	for (const char *word = "Shutdown"; *word; word++)
		outb(SHUTDOWN_PORT, (u8)*word);
	cpu_halt_forever();
}
