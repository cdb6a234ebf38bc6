/* SPDX-License-Identifier: BSD-2-Clause */
/* 0x200: nothing interrupts, and everything else works without. */
#include "lhv.h"

const struct option opt_no_interrupts;

static void after(struct cpu *c, u32 n)
{
	(void)n;
	check(&opt_no_interrupts, !irq_taken(c, L1) && !irq_taken(c, L2), "%u interrupts in L1, %u in L2", irq_taken(c, L1),
	      irq_taken(c, L2));
}

static void left(struct cpu *c)
{
	check(&opt_no_interrupts, c->exit_reason != EXIT_EXTINT, "an exit by external interrupt");
}

const struct option opt_no_interrupts = {
	.bit = OPT_NO_INTERRUPTS, .name = "no_interrupts", .promise = "with all sources off no interrupt comes",
	.left = left, .after = after,
};
