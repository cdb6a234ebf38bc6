/* SPDX-License-Identifier: BSD-2-Clause */
/* 0x1000: a PS/2 mouse interrupts L1 and L2, a byte of its answer at a time. */
#include "lhv.h"

const struct option opt_mouse;

static void ask(struct cpu *c, enum level level)
{
	u32 before = c->taken[MOUSE][level];

	if (!irq_has(c, MOUSE))
		return;
	ps2_mouse_ask();
	check(&opt_mouse, irq_wait(c, MOUSE, level, before + MOUSE_ANSWER), "%u interrupts, not %u",
	      c->taken[MOUSE][level] - before, MOUSE_ANSWER);
}

static void before(struct cpu *c, u32 n)
{
	(void)n;
	ask(c, L1);
}

static void in_l2(struct cpu *c, u32 n)
{
	(void)n;
	if (!(asked & OPT_NO_IF))
		ask(c, L2);
}

static void last(struct cpu *c)
{
	if (irq_has(c, MOUSE))
		check(&opt_mouse, ps2.mouse_acks == ps2.mouse_asked, "the mouse was asked %u times, %u acknowledgements",
		      ps2.mouse_asked, ps2.mouse_acks);
}

const struct option opt_mouse = {
	.bit = OPT_MOUSE, .not_with = OPT_NO_INTERRUPTS, .first_cpu = true, .name = "mouse",
	.promise = "a PS/2 mouse interrupts L1 and L2", .before = before, .in_l2 = in_l2, .last = last,
};
