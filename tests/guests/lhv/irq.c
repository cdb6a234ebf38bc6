/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts: the PIC with PIT, keyboard and mouse for the first CPU, a local APIC timer for each. */
#include "lhv.h"
#include "lib/io.h"

#define PIC1		0x20
#define PIC2		0xa0
#define PIC_ICW1	0x11		/* edge, cascade, ICW4 follows */
#define PIC_CASCADE	2
#define PIC_ICW4	1		/* 8086 */
#define PIC_EOI		0x20
#define PIT_CHANNEL0	0x40
#define PIT_COMMAND	0x43
#define PIT_MODE2	0x34
#define PIT_HZ		1193182u
#define PIT_COUNT	(PIT_HZ / 200)
#define PIT_COUNT_MAX	0xffffu

#define APIC_EOI	0xb0
#define APIC_SVR	0xf0
#define APIC_SVR_ON	BIT(8)
#define APIC_LVT_TIMER	0x320
#define APIC_LVT0	0x350
#define APIC_TIMER_START 0x380
#define APIC_TIMER_DIVIDE 0x3e0
#define LVT_MASKED	BIT(16)
#define LVT_PERIODIC	BIT(17)
#define LVT_EXTINT	0x700
#define DIVIDE_BY_1	0xb
#define TIMER_PERIOD	100000u
#define SLOWED_MAX	15

#define SETTLE		100		/* spins */

static const struct { u8 line; enum source source; } lines[] = { { 0, PIT }, { 1, KEYBOARD }, { 12, MOUSE } };

static void pic_init(u16 lines_on)
{
	outb(PIC1, PIC_ICW1);
	outb(PIC1 + 1, VECTOR_PIC);
	outb(PIC1 + 1, BIT(PIC_CASCADE));
	outb(PIC1 + 1, PIC_ICW4);
	outb(PIC2, PIC_ICW1);
	outb(PIC2 + 1, VECTOR_PIC + 8);
	outb(PIC2 + 1, PIC_CASCADE);
	outb(PIC2 + 1, PIC_ICW4);
	outb(PIC1 + 1, (u8)~lines_on);
	outb(PIC2 + 1, (u8)(~lines_on >> 8));
}

static void pit_start(u32 slowed)
{
	u32 count = slowed < 16 ? PIT_COUNT << slowed : PIT_COUNT_MAX;

	count = count < PIT_COUNT_MAX ? count : PIT_COUNT_MAX;
	outb(PIT_COMMAND, PIT_MODE2);
	outb(PIT_CHANNEL0, (u8)count);
	outb(PIT_CHANNEL0, (u8)(count >> 8));
}

static void timer_start(const struct cpu *c)
{
	apic_write(APIC_TIMER_START, asked & OPT_NO_INTERRUPTS ? 0 : TIMER_PERIOD << c->slowed);
}

void irq_init(void)
{
	bool mouse = asked & OPT_MOUSE;
	u16 on = (u16)(BIT(PIC_CASCADE) | (mouse ? BIT(12) : 0) | BIT(0) | BIT(1));

	if (asked & OPT_NO_INTERRUPTS)
		on = 0;
	else if (!ps2_init(mouse))
		fail("the keyboard controller doesn't answer");
	pic_init(on);
	pit_start(cpus[0].slowed);
}

void irq_init_cpu(struct cpu *c)
{
	apic_write(APIC_SVR, APIC_SVR_ON | VECTOR_SPURIOUS);
	apic_write(APIC_LVT0, c->index ? LVT_MASKED : LVT_EXTINT);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_PERIODIC);
	timer_start(c);
}

void irq_slower(struct cpu *c)
{
	if (c->slowed == SLOWED_MAX)
		fail("CPU %u: L2 comes to nothing between two interrupts", c->index);
	c->slowed++;
	say("LHV cpu %u: L2 comes to nothing between two interrupts, the timers are %u times slower now\n", c->index,
	    1u << c->slowed);
	if (!c->index)
		pit_start(c->slowed);
	timer_start(c);
}

void irq_end(struct cpu *c)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	if (!c->index)
		pic_init(0);
	irq_on();
	for (u32 i = 0; i < SETTLE; i++)
		cpu_pause();
	irq_off();
}

bool irq_has(const struct cpu *c, enum source source)
{
	if (source == MOUSE && !(asked & OPT_MOUSE))
		return false;
	return source == TIMER || c->index == 0;
}

static void take_line(struct cpu *c, u32 line, enum level level)
{
	if (line == 7 || line == 15)		/* nothing else uses these: spurious */
		return;
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++)
		if (lines[i].line == line) {
			if (lines[i].source != PIT)
				ps2_take(lines[i].source);
			c->taken[lines[i].source][level]++;
			if (line >= 8)
				outb(PIC2, PIC_EOI);
			outb(PIC1, PIC_EOI);
			return;
		}
	fail("an interrupt of line %u", line);
}

void irq_take(struct cpu *c, u32 vector, enum level level)
{
	if (vector - VECTOR_PIC < 16) {
		take_line(c, vector - VECTOR_PIC, level);
	} else if (vector == VECTOR_TIMER) {
		c->taken[TIMER][level]++;
		apic_write(APIC_EOI, 0);
	} else if (vector != VECTOR_SPURIOUS) {
		fail("an interrupt with vector 0x%x", vector);
	}
}

u32 irq_taken(const struct cpu *c, enum level level)
{
	u32 sum = 0;

	for (u32 i = 0; i < SOURCES; i++)
		sum += c->taken[i][level];
	return sum;
}

bool irq_wait(struct cpu *c, enum source source, enum level level, u32 count)
{
	bool off = !(read_flags() & RFLAGS_IF);
	u32 left = WAIT_BOUND;

	irq_on();
	while ((s32)(c->taken[source][level] - count) < 0 && left--)
		cpu_pause();
	if (off)
		irq_off();
	return (s32)(c->taken[source][level] - count) >= 0;
}
