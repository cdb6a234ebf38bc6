/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Always on unless 0x200: timers and keyboard interrupt L1 and L2. In L2 they are taken in three ways, iteration by
 * iteration: by an exit that acknowledges, by an exit that leaves them pending, and by L2's own IDT.
 */
#include "lhv.h"

static const char *const names[] = { [PIT] = "PIT", [KEYBOARD] = "keyboard", [MOUSE] = "mouse", [TIMER] = "APIC timer" };

static void wait_for(struct cpu *c, enum source source, enum level level)
{
	u32 before = c->taken[source][level];

	if (!irq_has(c, source))
		return;
	if (source == KEYBOARD)
		ps2_keyboard_ask();
	check(&opt_interrupts, irq_wait(c, source, level, before + 1), "no interrupt of the %s", names[source]);
}

static void before(struct cpu *c, u32 n)
{
	c->way = (enum way)(n % WAYS);
	c->ctrls.pin = c->way == BY_L2 ? c->ctrls.pin & ~PIN_EXTINT : c->ctrls.pin | PIN_EXTINT;
	c->ctrls.exit = c->way == BY_EXIT_ACKNOWLEDGED ? c->ctrls.exit | EXIT_ACK_INTR : c->ctrls.exit & ~EXIT_ACK_INTR;
	vmx_write_controls(c);
	wait_for(c, TIMER, L1);
	wait_for(c, PIT, L1);
	wait_for(c, KEYBOARD, L1);
}

static void in_l2(struct cpu *c, u32 n)
{
	(void)n;
	if (asked & OPT_NO_IF)
		return;
	wait_for(c, TIMER, L2);
	wait_for(c, PIT, L2);
	wait_for(c, KEYBOARD, L2);
}

static void last(struct cpu *c)
{
	if (c->index)
		return;
	check(&opt_interrupts, ps2.echoes == ps2.asked, "the keyboard was asked %u times, %u answers", ps2.asked, ps2.echoes);
	say("LHV keyboard: %u answers, %u other bytes\n", ps2.echoes, ps2.keys);
}

const struct option opt_interrupts = {
	.bit = OPT_INTERRUPTS, .not_with = OPT_NO_INTERRUPTS, .name = "interrupts",
	.promise = "timers and keyboard interrupt L1 and L2, and no interrupt is lost",
	.before = before, .in_l2 = in_l2, .last = last,
};
