/* SPDX-License-Identifier: BSD-2-Clause */
/* Always on but for VPIDs: without one, every VM entry and exit flushes L2's translations (SDM 29.4.3.3). */
#include "lhv.h"

#define ROUNDS		4

const struct option opt_flush;

static void lead(struct cpu *c, u32 which)
{
	l2_window(c, SLOT_VPID, (uptr)test_page(c, which ? PAGE_B : PAGE_A));
}

static void before(struct cpu *c, u32 n)
{
	(void)n;
	test_page(c, PAGE_A)[0] = 'A';
	test_page(c, PAGE_B)[0] = 'B';
	lead(c, 0);
}

static uptr call(struct cpu *c, uptr which)
{
	lead(c, (u32)which);
	return 0;
}

static void in_l2(struct cpu *c, u32 n)
{
	(void)c, (void)n;
	for (u32 i = 1; i <= ROUNDS; i++) {
		u32 seen;

		check(&opt_flush, window_at(SLOT_VPID)[0] == (i & 1 ? 'A' : 'B'), "the window shows '%c' before its PTE changes",
		      window_at(SLOT_VPID)[0]);
		l2_call(OPT_FLUSH, i & 1);
		seen = window_at(SLOT_VPID)[0];
		check(&opt_flush, seen == (i & 1 ? 'B' : 'A'), "the window shows '%c' after its PTE changed", seen);
	}
}

const struct option opt_flush = {
	.bit = OPT_FLUSH, .not_with = OPT_VPID, .name = "flush", .promise = "without VPID L1 needn't flush L2's translations",
	.before = before, .in_l2 = in_l2, .call = call,
};
