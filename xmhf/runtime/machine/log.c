/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: console and ring behind one lock. */
#include "lib/console.h"
#include "lib/print.h"
#include "lib/ring.h"
#include "machine/lock.h"
#include "machine/log.h"

#define LOG_RING_SIZE	(32u << 10)

static char ring_data[LOG_RING_SIZE];
static struct ring ring;
static struct lock lock;
static u32 console_level = LOG_INFO;

void log_init(u32 level)
{
	ring_init(&ring, ring_data, LOG_RING_SIZE);
	console_level = level;
}

void log_guest_runs(void)
{
	if (console_level < LOG_DEBUG)
		console_level = LOG_ERROR;
}

static void put(void *to_console, char c)
{
	ring_put(&ring, c);
	if (to_console)
		console_putc(NULL, c);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	void *to_console = level <= console_level ? &ring : NULL;
	va_list args;

	lock_take(&lock);
	fmt_print(put, to_console, "xmhf: ");
	va_start(args, fmt);
	fmt_vprint(put, to_console, fmt, args);
	va_end(args);
	put(to_console, '\n');
	lock_drop(&lock);
}

u32 log_read(u64 *at, char *to, u32 length, u64 *lost)
{
	u32 n;

	lock_take(&lock);
	n = ring_read(&ring, at, to, length, lost);
	lock_drop(&lock);
	return n;
}
