/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID: the hardware's answer, less what the guest can't have. A feature that works only under a
 * VM-execution control is shown only if that control is set (SDM 26.3, "Changes to instruction behavior").
 */
#include "guest/exits.h"
#include "guest/policy.h"
#include "hypapp/hypapp.h"
#include "machine/cpu_insn.h"
#include "vmx/setup.h"

#define LEAF_US		0x46484d58	/* "XMHF": EBX:ECX the signature again, EAX the depth */
#define LEAF_US_TAIL	0x52505648	/* "HVPR" */

#define LEAF1_ECX_VMX		BIT(5)
#define LEAF1_ECX_SMX		BIT(6)
#define LEAF1_ECX_OSXSAVE	BIT(27)
#define LEAF7_EBX_INVPCID	BIT(10)
#define LEAF7_EBX_PT		BIT(25)
#define LEAF7_ECX_WAITPKG	BIT(5)
#define LEAF7_ECX_OSPKE		BIT(4)
#define LEAF7_ECX_ENQCMD	BIT(29)
#define LEAF7_EDX_UINTR		BIT(5)
#define LEAF7_EDX_PCONFIG	BIT(18)
#define LEAF7_1_EAX_FRED	BIT(17)
#define LEAF7_1_EAX_LASS_HRESET	BIT(22)
#define LEAFD_1_EAX_XSAVES	BIT(3)
#define LEAF80000001_EDX_LM	BIT(29)
#define LEAF80000001_EDX_RDTSCP	BIT(27)
#define LEAF80000001_EDX_SYSCALL BIT(11)

#define AR_LONG			BIT(13)		/* CS.L */

/* Register numbers in union gprs. */
enum cpuid_register { EAX, ECX, EDX, EBX };

/*
 * Bits that are hidden unless @control, a secondary control, is set (0: always hidden); or that show
 * @mirror_cr4 of the guest's CR4, where the instruction shows ours; or that show in 64-bit mode alone.
 */
struct cpuid_mask {
	u32 leaf, subleaf;
	enum cpuid_register reg;
	u32 bits;
	u32 control;
	u32 mirror_cr4;
	bool only_64_bit;
};

#define ANY_SUBLEAF	(~0u)

static const struct cpuid_mask masks[] = {
	{ 1, ANY_SUBLEAF,	   ECX, LEAF1_ECX_VMX | LEAF1_ECX_SMX,		0, 0, false },
	{ 1, ANY_SUBLEAF,	   ECX, LEAF1_ECX_OSXSAVE,			0, CR4_OSXSAVE, false },
	{ 7, 0,			   EBX, LEAF7_EBX_INVPCID,			SECONDARY_INVPCID, 0, false },
	{ 7, 0,			   EBX, LEAF7_EBX_PT,				0, 0, false },
	{ 7, 0,			   ECX, LEAF7_ECX_WAITPKG,			SECONDARY_USER_WAIT, 0, false },
	{ 7, 0,			   ECX, LEAF7_ECX_ENQCMD,			0, 0, false },
	{ 7, 0,			   ECX, LEAF7_ECX_OSPKE,			0, CR4_PKE, false },
	{ 7, 0,			   EDX, LEAF7_EDX_UINTR | LEAF7_EDX_PCONFIG,	0, 0, false },
	{ 7, 1,			   EAX, LEAF7_1_EAX_FRED | LEAF7_1_EAX_LASS_HRESET, 0, 0, false },
	{ 0xd, 1,		   EAX, LEAFD_1_EAX_XSAVES,			SECONDARY_XSAVES, 0, false },
	{ 0x14, ANY_SUBLEAF,	   EAX, ~0u,					0, 0, false },
	{ 0x14, ANY_SUBLEAF,	   EBX, ~0u,					0, 0, false },
	{ 0x14, ANY_SUBLEAF,	   ECX, ~0u,					0, 0, false },
	{ 0x14, ANY_SUBLEAF,	   EDX, ~0u,					0, 0, false },
	{ 0x80000001, ANY_SUBLEAF, EDX, LEAF80000001_EDX_RDTSCP,		SECONDARY_RDTSCP, 0, false },
	{ 0x80000001, ANY_SUBLEAF, EDX, LEAF80000001_EDX_SYSCALL,		0, 0, true },
};

/* The i386 hypervisor can't enter a 64-bit guest. */
static const struct cpuid_mask i386_masks[] = {
	{ 0x80000001, ANY_SUBLEAF, EDX, LEAF80000001_EDX_LM | LEAF80000001_EDX_SYSCALL, 0, 0, false },
};

/* The masks that hold on this CPU, in lists by leaf, as exits look them up. */
#define BUCKETS		32

static struct cpuid_rule { struct cpuid_mask mask; u32 next; } rules[1 + ARRAY_SIZE(masks) + ARRAY_SIZE(i386_masks)];
static u32 rule_count = 1;
static u8 first_rule[BUCKETS];		/* 0: none */

static void add_rules(const struct cpuid_mask *m, u32 count)
{
	for (; count--; m++) {
		u8 *first = &first_rule[m->leaf % BUCKETS];

		if (vmx_caps.secondary & m->control)
			continue;
		rules[rule_count] = (struct cpuid_rule){ *m, *first };
		*first = (u8)rule_count++;
	}
}

void cpuid_policy_init(void)
{
	add_rules(masks, ARRAY_SIZE(masks));
	if (sizeof(uptr) == 4)
		add_rules(i386_masks, ARRAY_SIZE(i386_masks));
}

static bool in_64_bit_mode(void)
{
	return vmcs_read(GUEST_EFER) & EFER_LMA && vmcs_read32(GUEST_CS_AR) & AR_LONG;
}

static void apply(struct vcpu *v, u32 leaf, u32 subleaf, u32 rule)
{
	do {
		const struct cpuid_mask *m = &rules[rule].mask;

		rule = rules[rule].next;
		if (m->leaf != leaf || (m->subleaf != subleaf && m->subleaf != ANY_SUBLEAF))
			continue;
		if (m->only_64_bit && in_64_bit_mode())
			continue;
		v->regs.r[m->reg] &= ~m->bits;
		if (m->mirror_cr4 && vmcs_read(GUEST_CR4) & m->mirror_cr4)
			v->regs.r[m->reg] |= m->bits;
	} while (rule);
}

/* Us: how many copies are stacked. A copy below answers the same leaf. */
static struct cpuid_regs us(void)
{
	struct cpuid_regs below = cpuid(LEAF_US, 0);
	bool stacked = below.ebx == LEAF_US && below.ecx == LEAF_US_TAIL;

	return (struct cpuid_regs){ stacked ? below.eax + 1 : 1, LEAF_US, LEAF_US_TAIL, 0 };
}

enum verdict guest_cpuid(struct vcpu *v)
{
	u32 leaf = (u32)v->regs.rax, subleaf = (u32)v->regs.rcx;
	struct cpuid_regs r = __builtin_expect(leaf == LEAF_US, 0) ? us() : cpuid(leaf, subleaf);
	u32 rule = first_rule[leaf % BUCKETS];

	v->regs.rax = r.eax;
	v->regs.rcx = r.ecx;
	v->regs.rdx = r.edx;
	v->regs.rbx = r.ebx;
	if (rule)
		apply(v, leaf, subleaf, rule);
	return ADVANCE;
}
