/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 0x2: L2 keeps RFLAGS.IF off. A CPU ends L2 by an external interrupt all the same; Bochs does when L2 is over
 * (docs/testing.md), so both are right here, but none may be lost, and L2 may not see IF.
 */
#include "lhv.h"

#define SPINS	50000			/* some periods of the timers */

const struct option opt_no_if;

static void in_l2(struct cpu *c, u32 n)
{
	u32 taken = irq_taken(c, L2);

	(void)n;
	check(&opt_no_if, !(read_flags() & RFLAGS_IF), "IF is on in L2");
	if (irq_has(c, KEYBOARD) && !(asked & OPT_NO_INTERRUPTS))
		ps2_keyboard_ask();
	for (u32 i = 0; i < SPINS; i++)
		cpu_pause();
	check(&opt_no_if, c->way != BY_L2 || irq_taken(c, L2) == taken, "L2 took an interrupt");
}

static void left(struct cpu *c)
{
	(void)c;
	check(&opt_no_if, !(vmcs_read(GUEST_RFLAGS) & RFLAGS_IF), "L2's RFLAGS are 0x%llx", vmcs_read(GUEST_RFLAGS));
}

/* What L2 asked the keyboard for is taken now, if it wasn't by an exit. */
static void after(struct cpu *c, u32 n)
{
	(void)n;
	if (irq_has(c, KEYBOARD) && !(asked & OPT_NO_INTERRUPTS) && ps2.echoes != ps2.asked)
		check(&opt_no_if, irq_wait(c, KEYBOARD, L1, c->taken[KEYBOARD][L1] + 1), "an interrupt was lost");
}

const struct option opt_no_if = {
	.bit = OPT_NO_IF, .name = "no_if", .promise = "L2 runs with RFLAGS.IF off, and no interrupt is lost",
	.in_l2 = in_l2, .left = left, .after = after,
};
