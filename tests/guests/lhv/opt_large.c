/* SPDX-License-Identifier: BSD-2-Clause */
/* 0x100: EPT with 2 MiB pages; one of them beyond RAM's end is exchanged under L2. */
#include "lhv.h"

#define GPA_LARGE	0x140000000ull
#define LAST		(SIZE_2M / sizeof(u32) - 1)
#define EPT_CAP_2M	BIT(16)

const struct option opt_large;

static void lead(struct cpu *c, u32 which)
{
	ept_map(c, GPA_LARGE, (uptr)large_frame(c, which), EPT_RWX, true);
	ept_flush(c, which);
}

static void setup(struct cpu *c)
{
	if (!(rdmsr(MSR_VMX_EPT_VPID_CAP) & EPT_CAP_2M))
		fail("the CPU has no large EPT pages");
	l2_window_large(c, GPA_LARGE);
	for (u32 which = 0; which < 2; which++) {
		large_frame(c, which)[0] = 'X' + which;
		large_frame(c, which)[LAST] = 'x' + which;
	}
}

static void before(struct cpu *c, u32 n) { lead(c, n & 1); }

static uptr call(struct cpu *c, uptr which)
{
	lead(c, (u32)which);
	return 0;
}

static void look(u32 which)
{
	const volatile u32 *window = (const volatile u32 *)(uptr)WINDOW_LARGE;

	check(&opt_large, window[0] == 'X' + which && window[LAST] == 'x' + which, "frame %u shows '%c' and '%c'", which,
	      window[0], window[LAST]);
}

static void in_l2(struct cpu *c, u32 n)
{
	(void)c;
	look(n & 1);
	l2_call(OPT_LARGE, !(n & 1));
	look(!(n & 1));
}

const struct option opt_large = {
	.bit = OPT_LARGE, .needs = OPT_EPT, .name = "large", .promise = "EPT works with large pages, and one is exchanged",
	.setup = setup, .before = before, .in_l2 = in_l2, .call = call,
};
