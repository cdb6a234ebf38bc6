/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial port and the VGA text screen as one console. */
#include "lib/console.h"
#include "lib/print.h"
#include "lib/vga.h"

static bool serial_on, vga_on;

void console_init(const struct uart_options *serial, bool vga)
{
	serial_on = serial->port != 0;
	if (serial_on)
		uart_init(serial);
	if (vga && !vga_on)
		vga_init();
	vga_on = vga;
}

void console_putc(void *unused, char c)
{
	(void)unused;
	if (serial_on)
		uart_putc(c);
	if (vga_on)
		vga_putc(c);
}

void console_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fmt_vprint(console_putc, NULL, fmt, args);
	va_end(args);
}

void console_die(const char *who, const char *fmt, ...)
{
	va_list args;

	console_print("%s: error: ", who);
	va_start(args, fmt);
	fmt_vprint(console_putc, NULL, fmt, args);
	va_end(args);
	console_print("\n%s: halted; mend that and reset the machine\n", who);
	for (;;)
		__asm__ volatile("cli; hlt");
}
