/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID: the hardware's answer, less what the guest can't have. A feature that works only under a
 * VM-execution control is shown only if that control is set (SDM 26.3, "Changes to instruction behavior").
 */
#include "guest/exits.h"
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

enum cpuid_register { EAX, EBX, ECX, EDX };

/* Bits that aren't shown unless all of @control, a secondary control, is set. 0: never shown. */
struct cpuid_mask {
	u32 leaf, subleaf;
	enum cpuid_register reg;
	u32 bits;
	u32 control;
};

#define ANY_SUBLEAF	(~0u)

static const struct cpuid_mask masks[] = {
	{ 1, ANY_SUBLEAF,	   ECX, LEAF1_ECX_VMX | LEAF1_ECX_SMX,		0 },
	{ 7, 0,			   EBX, LEAF7_EBX_INVPCID,			SECONDARY_INVPCID },
	{ 7, 0,			   EBX, LEAF7_EBX_PT,				0 },
	{ 7, 0,			   ECX, LEAF7_ECX_WAITPKG,			SECONDARY_USER_WAIT },
	{ 7, 0,			   ECX, LEAF7_ECX_ENQCMD,			0 },
	{ 7, 0,			   EDX, LEAF7_EDX_UINTR | LEAF7_EDX_PCONFIG,	0 },
	{ 7, 1,			   EAX, LEAF7_1_EAX_FRED | LEAF7_1_EAX_LASS_HRESET, 0 },
	{ 0xd, 1,		   EAX, LEAFD_1_EAX_XSAVES,			SECONDARY_XSAVES },
	{ 0x14, ANY_SUBLEAF,	   EAX, ~0u,					0 },
	{ 0x14, ANY_SUBLEAF,	   EBX, ~0u,					0 },
	{ 0x14, ANY_SUBLEAF,	   ECX, ~0u,					0 },
	{ 0x14, ANY_SUBLEAF,	   EDX, ~0u,					0 },
	{ 0x80000001, ANY_SUBLEAF, EDX, LEAF80000001_EDX_RDTSCP,		SECONDARY_RDTSCP },
};

static void mask(u32 leaf, u32 subleaf, u32 regs[4])
{
	for (u32 i = 0; i < ARRAY_SIZE(masks); i++) {
		const struct cpuid_mask *m = &masks[i];

		if (m->leaf == leaf && (m->subleaf == ANY_SUBLEAF || m->subleaf == subleaf) &&
		    (!m->control || !(vmx_caps.secondary & m->control)))
			regs[m->reg] &= ~m->bits;
	}
	if (sizeof(uptr) == 4 && leaf == 0x80000001)
		regs[EDX] &= ~(LEAF80000001_EDX_LM | LEAF80000001_EDX_SYSCALL);
}

/* Bits that mirror the guest's CR4, where the instruction just showed ours. */
static void mirror_cr4(u32 leaf, u32 subleaf, u32 regs[4])
{
	if (leaf == 1)
		regs[ECX] = (regs[ECX] & ~LEAF1_ECX_OSXSAVE) |
			    (vmcs_read(GUEST_CR4) & CR4_OSXSAVE ? LEAF1_ECX_OSXSAVE : 0);
	else if (leaf == 7 && subleaf == 0)
		regs[ECX] = (regs[ECX] & ~LEAF7_ECX_OSPKE) | (vmcs_read(GUEST_CR4) & CR4_PKE ? LEAF7_ECX_OSPKE : 0);
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
	struct cpuid_regs r = leaf == LEAF_US ? us() : cpuid(leaf, subleaf);
	u32 regs[4] = { r.eax, r.ebx, r.ecx, r.edx };

	mask(leaf, subleaf, regs);
	mirror_cr4(leaf, subleaf, regs);
	hypapp_cpuid(leaf, subleaf, regs);
	v->regs.rax = regs[EAX];
	v->regs.rbx = regs[EBX];
	v->regs.rcx = regs[ECX];
	v->regs.rdx = regs[EDX];
	return ADVANCE;
}
