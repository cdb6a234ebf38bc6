/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 0x10: L2 has a VPID. What L1 changes in its page tables may be seen late, but after each kind of INVVPID, and after
 * L2's own INVLPG, it is seen.
 */
#include "lhv.h"

#define EPT_VPID_INVVPID	BIT64(32)
#define KIND(k)			BIT64(40 + (k))
#define KINDS			4
#define NO_FLUSH		KINDS
#define BAD_OPERAND		28	/* VM-instruction error: invalid operand to INVEPT or INVVPID */
#define CANONICAL_HOLE		(sizeof(uptr) == 8 ? 0x8000000000000000ull : 0)

const struct option opt_vpid;
static u64 capabilities;
static u32 kept[CPUS_MAX];

static u16 vpid_of(const struct cpu *c) { return (u16)(c->index + 0x1001); }

static void lead(struct cpu *c, bool second)
{
	l2_window(c, SLOT_VPID, (uptr)test_page(c, second ? PAGE_B : PAGE_A));
}

static bool has(u32 kind) { return capabilities & KIND(kind); }

static void setup(struct cpu *c)
{
	capabilities = rdmsr(MSR_VMX_EPT_VPID_CAP);
	if (!(capabilities & EPT_VPID_INVVPID))
		fail("the CPU has no INVVPID");
	c->ctrls.secondary |= SECONDARY_VPID;
	vmcs_write(VPID, vpid_of(c));
	if (!vmx_invvpid(INVVPID_ALL, 0, 0))
		fail("INVVPID of all");
	kept[c->index] = 0;
}

static void refused(u32 kind, u16 vpid, u64 linear)
{
	bool good = vmx_invvpid((enum invvpid_kind)kind, vpid, linear);
	u32 error = good ? 0 : vmcs_read32(VM_INSTR_ERROR);

	check(&opt_vpid, error == BAD_OPERAND, "INVVPID of kind %u, VPID %u, address 0x%llx ends with error %u", kind, vpid,
	      linear, error);
}

static void before(struct cpu *c, u32 n)
{
	(void)n;
	test_page(c, PAGE_A)[0] = 'A';
	test_page(c, PAGE_B)[0] = 'B';
	lead(c, false);
	if (!vmx_invvpid(INVVPID_SINGLE, vpid_of(c), 0))
		fail("INVVPID");
	refused(INVVPID_SINGLE, 0, 0);
	refused(KINDS, vpid_of(c), 0);
	if (CANONICAL_HOLE && has(INVVPID_ADDRESS))
		refused(INVVPID_ADDRESS, vpid_of(c), CANONICAL_HOLE);
}

/* Leads the window to the other page: bit 8 says to which; the low bits, which flush follows. */
static uptr call(struct cpu *c, uptr argument)
{
	u32 kind = argument & 0xff;

	lead(c, argument >> 8);
	if (kind != NO_FLUSH)
		check(&opt_vpid, vmx_invvpid((enum invvpid_kind)kind, vpid_of(c), WINDOW + SLOT_VPID * PAGE_SIZE),
		      "INVVPID of kind %u fails", kind);
	return 0;
}

static u32 look(void) { return window_at(SLOT_VPID)[0]; }

static void in_l2(struct cpu *c, u32 n)
{
	bool second = false;

	(void)n;
	for (u32 kind = 0; kind < KINDS; kind++) {
		if (!has(kind))
			continue;
		check(&opt_vpid, look() == (second ? 'B' : 'A'), "the window shows '%c'", look());
		second = !second;
		l2_call(OPT_VPID, (u32)second << 8 | kind);
		check(&opt_vpid, look() == (second ? 'B' : 'A'), "the window shows '%c' after INVVPID of kind %u", look(), kind);
	}
	l2_call(OPT_VPID, (u32)!second << 8 | NO_FLUSH);
	check(&opt_vpid, look() == 'A' || look() == 'B', "the window shows '%c' without a flush", look());
	kept[c->index] += look() == (second ? 'B' : 'A');
	__asm__ volatile("invlpg %0" : : "m"(*window_at(SLOT_VPID)) : "memory");
	check(&opt_vpid, look() == (second ? 'A' : 'B'), "the window shows '%c' after INVLPG", look());
}

static void last(struct cpu *c)
{
	say("LHV cpu %u: %u of %u translations kept by the VPID\n", c->index, kept[c->index], c->iteration);
}

const struct option opt_vpid = {
	.bit = OPT_VPID, .name = "vpid", .promise = "with a VPID, all kinds of INVVPID and L2's INVLPG flush L2's translations",
	.setup = setup, .before = before, .in_l2 = in_l2, .call = call, .last = last,
};
