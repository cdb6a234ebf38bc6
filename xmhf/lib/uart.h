/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550 serial port by port I/O: polled output.
 */
#ifndef XMHF_LIB_UART_H
#define XMHF_LIB_UART_H

#include "types.h"

/* The same layout in 32- and 64-bit code. */
struct uart_options {
	u32 port;		/* I/O base; 0: no serial output */
	u32 baud;		/* divides 115200 */
	u32 data_bits;		/* 5 to 8 */
	u32 stop_bits;		/* 1 or 2 */
	u32 parity;		/* 'n', 'o', 'e' */
};
_Static_assert(sizeof(struct uart_options) == 20, "the same in 32 and 64 bits");

/* Programs the port and selects it for uart_putc. */
void uart_init(const struct uart_options *options);

/* Sends @c ('\n' as CR LF). Waits for room, but gives up on a port that never has any. */
void uart_putc(char c);

#endif
