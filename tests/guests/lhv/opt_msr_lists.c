/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 0x1: VM entry loads MSRs from a list; VM exit stores them in a second and loads L1's from a third. L2 sees its own
 * values and changes them, and after each exit L1 has its own and L2's as L2 left them.
 */
#include "lhv.h"

#define MSR_STAR		0xc0000081u
#define MSR_KERNEL_GS_BASE	0xc0000102u
#define PAT_L1		0x0007040600070406ull
#define PAT_L2		0x0406000700070406ull	/* other types in places that nothing uses */
#define PAT_L2_NEW	0x0606040400070406ull

const struct option opt_msr_lists;

static const struct { u32 msr; u64 l1, l2, l2_new; } values[] = {	/* + iteration, but for the PAT */
	{ MSR_PAT,		PAT_L1,		PAT_L2,		PAT_L2_NEW },
	{ MSR_SYSENTER_CS,	0x1000,		0x2000,		0x3000 },
	{ MSR_SYSENTER_ESP,	0x11110000,	0x22220000,	0x33330000 },
#ifdef __x86_64__
	{ MSR_STAR,		0x0001000200030000ull, 0x0004000500060000ull, 0x33330000 },
	{ MSR_KERNEL_GS_BASE,	0xffff900011110000ull, 0x0000600022220000ull, 0x44440000 },
#endif
};
#define COUNT	ARRAY_SIZE(values)

struct entry { u32 msr, reserved; u64 value; };		/* SDM 25.7.2 */

static struct lists {
	_Alignas(16) struct entry load[COUNT], store[COUNT], host[COUNT];
	volatile bool writing, l2_wrote;
} lists[CPUS_MAX];

static u64 of(u64 value, u32 i, u32 n) { return values[i].msr == MSR_PAT ? value : value + n; }

static void setup(struct cpu *c)
{
	struct lists *l = &lists[c->index];

	msr_bitmap_use(c);
	for (u32 i = 0; i < COUNT; i++)
		l->load[i].msr = l->store[i].msr = l->host[i].msr = values[i].msr;
	vmcs_write(ENTRY_MSR_LOAD_ADDR, (uptr)l->load);
	vmcs_write(EXIT_MSR_STORE_ADDR, (uptr)l->store);
	vmcs_write(EXIT_MSR_LOAD_ADDR, (uptr)l->host);
	vmcs_write(ENTRY_MSR_LOAD_COUNT, COUNT);
	vmcs_write(EXIT_MSR_STORE_COUNT, COUNT);
	vmcs_write(EXIT_MSR_LOAD_COUNT, COUNT);
}

static void before(struct cpu *c, u32 n)
{
	struct lists *l = &lists[c->index];

	l->l2_wrote = false;
	for (u32 i = 0; i < COUNT; i++) {
		l->load[i].value = of(values[i].l2, i, n);
		l->host[i].value = of(values[i].l1, i, n);
		l->store[i].value = ~0ull;
	}
}

static u64 of_l2(struct cpu *c, u32 i)
{
	return of(lists[c->index].l2_wrote ? values[i].l2_new : values[i].l2, i, c->iteration);
}

static void in_l2(struct cpu *c, u32 n)
{
	struct lists *l = &lists[c->index];

	for (u32 i = 0; i < COUNT; i++)
		check(&opt_msr_lists, rdmsr(values[i].msr) == of_l2(c, i), "MSR 0x%x reads 0x%llx in L2, not 0x%llx", values[i].msr,
		      rdmsr(values[i].msr), of_l2(c, i));
	l->writing = true;			/* an exit in between sees half of them */
	for (u32 i = 0; i < COUNT; i++)
		wrmsr(values[i].msr, of(values[i].l2_new, i, n));
	l->l2_wrote = true;
	l->writing = false;
	l2_call(OPT_MSR_LISTS, 0);
	for (u32 i = 0; i < COUNT; i++)
		check(&opt_msr_lists, rdmsr(values[i].msr) == of_l2(c, i), "MSR 0x%x reads 0x%llx in L2 after it wrote 0x%llx",
		      values[i].msr, rdmsr(values[i].msr), of_l2(c, i));
}

static uptr call(struct cpu *c, uptr argument)
{
	(void)c;
	return argument;
}

static void left(struct cpu *c)
{
	struct lists *l = &lists[c->index];

	for (u32 i = 0; i < COUNT; i++) {
		bool half = l->writing && l->store[i].value == of(values[i].l2_new, i, c->iteration);

		check(&opt_msr_lists, half || l->store[i].value == of_l2(c, i), "MSR 0x%x was stored as 0x%llx, not 0x%llx", values[i].msr,
		      l->store[i].value, of_l2(c, i));
		check(&opt_msr_lists, rdmsr(values[i].msr) == l->host[i].value, "MSR 0x%x reads 0x%llx in L1, not 0x%llx",
		      values[i].msr, rdmsr(values[i].msr), l->host[i].value);
		l->load[i].value = l->store[i].value;
		l->store[i].value = ~0ull;
	}
}

const struct option opt_msr_lists = {
	.bit = OPT_MSR_LISTS, .name = "msr_lists", .promise = "MSRs are loaded at entry, stored and loaded at exit",
	.setup = setup, .before = before, .in_l2 = in_l2, .call = call, .left = left,
};
