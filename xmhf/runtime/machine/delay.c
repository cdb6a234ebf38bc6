/* SPDX-License-Identifier: BSD-2-Clause */
/* The PIT's channel 2 in mode 0, polled through port 61h. */
#include "lib/io.h"
#include "machine/cpu_insn.h"
#include "machine/delay.h"

#define PIT_HZ		1193182u
#define PIT_CHANNEL2	0x42
#define PIT_COMMAND	0x43
#define MODE0_CHANNEL2	0xb0		/* both bytes, interrupt on terminal count */
#define PORT_61		0x61
#define GATE2		BIT(0)
#define SPEAKER		BIT(1)
#define OUT2		BIT(5)

void delay_us(u32 us)
{
	u32 count = us * (PIT_HZ / 1000) / 1000 + 1;
	u8 before = inb(PORT_61);

	outb(PORT_61, (u8)((before & ~(SPEAKER | GATE2)) | GATE2));
	outb(PIT_COMMAND, MODE0_CHANNEL2);
	outb(PIT_CHANNEL2, (u8)count);
	outb(PIT_CHANNEL2, (u8)(count >> 8));
	while (!(inb(PORT_61) & OUT2))
		cpu_pause();
	outb(PORT_61, before);
}
