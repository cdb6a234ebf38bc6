/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person sees of us: the serial port and the VGA text screen together.
 */
#ifndef XMHF_LIB_CONSOLE_H
#define XMHF_LIB_CONSOLE_H

#include "lib/types.h"
#include "lib/uart.h"

/* Both are off until this is called; it may be called again. @vga: write to the screen as well. */
void console_init(const struct uart_options *serial, bool vga);
void console_putc(void *unused, char c);
void console_print(const char *fmt, ...) PRINTF(1, 2);

/* The one line of an error that ends the boot, then halt. @who: the stage that speaks. */
NORETURN void console_die(const char *who, const char *fmt, ...) PRINTF(2, 3);

#endif
