/* SPDX-License-Identifier: BSD-2-Clause */
/* 0x8: L1 switches between two EPTs, each with a page of its own behind one guest-physical address. */
#include "lhv.h"

#define GPA_SWITCHED	0x123458000ull

const struct option opt_ept_switch;

static void setup(struct cpu *c)
{
	l2_window(c, SLOT_SWITCH, GPA_SWITCHED);
	ept_map_in(c, 0, GPA_SWITCHED, (uptr)test_page(c, PAGE_A), EPT_RWX, false);
	ept_map_in(c, 1, GPA_SWITCHED, (uptr)test_page(c, PAGE_B), EPT_RWX, false);
}

static void before(struct cpu *c, u32 n)
{
	test_page(c, PAGE_A)[4] = 'a';
	test_page(c, PAGE_B)[4] = 'b';
	ept_use(c, n & 1);
}

static uptr call(struct cpu *c, uptr tree)
{
	ept_use(c, (u32)tree);
	return 0;
}

static void look(u32 tree)
{
	u32 seen = window_at(SLOT_SWITCH)[4];

	check(&opt_ept_switch, seen == (tree ? 'b' : 'a'), "tree %u shows '%c'", tree, seen);
}

static void in_l2(struct cpu *c, u32 n)
{
	u32 tree = n & 1;

	(void)c;
	look(tree);
	for (u32 i = 0; i < 3; i++) {
		tree = !tree;
		l2_call(OPT_EPT_SWITCH, tree);
		look(tree);
	}
}

const struct option opt_ept_switch = {
	.bit = OPT_EPT_SWITCH, .needs = OPT_EPT, .name = "ept_switch", .promise = "L1 switches between two EPTs without INVEPT",
	.setup = setup, .before = before, .in_l2 = in_l2, .call = call,
};
