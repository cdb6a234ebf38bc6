/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550 serial port, polled.
 */
#include "uart.h"
#include "io.h"

enum {				/* register offsets */
	UART_THR = 0,		/* transmit holding; divisor's low byte while DLAB */
	UART_IER = 1,		/* interrupt enable; divisor's high byte while DLAB */
	UART_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
};

#define LCR_STOP_2	BIT(2)
#define LCR_PARITY	BIT(3)
#define LCR_EVEN	BIT(4)
#define LCR_DLAB	BIT(7)
#define FCR_CLEAR	0x07u	/* FIFOs on and empty */
#define MCR_DTR_RTS	0x03u
#define LSR_THR_EMPTY	BIT(5)
#define PATIENCE	100000u	/* polls for room: 10 ms and more, a character takes 0.1 ms at 115200 */

static u16 port;

void uart_init(const struct uart_options *o)
{
	u32 divisor = o->baud != 0 && o->baud < 115200 ? 115200 / o->baud : 1;
	u32 line = ((o->data_bits - 5) & 3) | (o->stop_bits == 2 ? LCR_STOP_2 : 0);

	if (o->parity != 'n')
		line |= LCR_PARITY | (o->parity == 'e' ? LCR_EVEN : 0);
	port = (u16)o->port;
	if (port == 0)
		return;
	outb((u16)(port + UART_IER), 0);
	outb((u16)(port + UART_LCR), LCR_DLAB);
	outb((u16)(port + UART_THR), (u8)divisor);
	outb((u16)(port + UART_IER), (u8)(divisor >> 8));
	outb((u16)(port + UART_LCR), (u8)line);
	outb((u16)(port + UART_FCR), FCR_CLEAR);
	outb((u16)(port + UART_MCR), MCR_DTR_RTS);
}

static void send(char c)
{
	for (u32 n = 0; n < PATIENCE; n++) {
		if (inb((u16)(port + UART_LSR)) & LSR_THR_EMPTY)
			break;
		__asm__ volatile("pause");
	}
	outb((u16)(port + UART_THR), (u8)c);
}

void uart_putc(char c)
{
	if (port == 0)
		return;
	if (c == '\n')
		send('\r');
	send(c);
}
