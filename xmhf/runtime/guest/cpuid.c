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

#define LEAF_EXTENDED	0x80000000u
#define LEAF_SPARE	0x40000000u	/* this bit alone: no CPU's, where hypervisors tell of themselves */
#define LEAF_BELOW_LAST	0x400000ffu	/* where one below us may */
#define LEAF_US		0x46484d58	/* "XMHF": EBX:ECX the signature again, EAX the depth */
#define LEAF_US_TAIL	0x52505648	/* "HVPR" */

#define LEAF1_ECX_SMX		BIT(6)
#define LEAF1_ECX_OSXSAVE	BIT(27)
#define LEAF1_EDX_APIC		BIT(9)
#define LEAF7_EBX_INVPCID	BIT(10)
#define LEAF7_EBX_PT		BIT(25)
#define LEAF7_ECX_WAITPKG	BIT(5)
#define LEAF7_ECX_OSPKE		BIT(4)
#define LEAF7_ECX_RDPID		BIT(22)
#define LEAF7_ECX_ENQCMD	BIT(29)
#define LEAF7_EDX_PCONFIG	BIT(18)
#define LEAF7_1_EAX_FRED	BIT(17)
#define LEAF7_1_EAX_MSRLIST	BIT(27)
#define LEAFD_1_EAX_XSAVES	BIT(3)
#define LEAFD_PT		8		/* subleaf of Intel PT's state, and its bit in subleaf 1 */
#define LEAF80000001_EDX_LM	BIT(29)
#define LEAF80000001_EDX_RDTSCP	BIT(27)
#define LEAF80000001_EDX_SYSCALL BIT(11)


/* Register numbers in union gprs. */
enum cpuid_register { EAX, ECX, EDX, EBX };

/* When the guest sees a bit that the hardware shows. */
enum cpuid_shown {
	NEVER,
	WITH_CONTROL,		/* if the secondary control @which is set */
	AS_IN_CR4,		/* it equals the bit @which of the guest's CR4, where the instruction showed ours */
	IN_64_BIT_CODE,
	WHILE_APIC_ON,
};

struct cpuid_mask {
	u32 leaf, subleaf;
	enum cpuid_register reg;
	u32 bits;
	enum cpuid_shown shown;
	u32 which;
};

#define ANY_SUBLEAF	(~0u)

static const struct cpuid_mask masks[] = {
	{ 1, ANY_SUBLEAF,	   ECX, LEAF1_ECX_SMX,				NEVER, 0 },
	{ 1, ANY_SUBLEAF,	   ECX, LEAF1_ECX_OSXSAVE,			AS_IN_CR4, CR4_OSXSAVE },
	{ 1, ANY_SUBLEAF,	   EDX, LEAF1_EDX_APIC,				WHILE_APIC_ON, 0 },
	{ 7, 0,			   EBX, LEAF7_EBX_INVPCID,			WITH_CONTROL, SECONDARY_INVPCID },
	{ 7, 0,			   EBX, LEAF7_EBX_PT,				NEVER, 0 },
	{ 7, 0,			   ECX, LEAF7_ECX_WAITPKG,			WITH_CONTROL, SECONDARY_USER_WAIT },
	{ 7, 0,			   ECX, LEAF7_ECX_RDPID,			WITH_CONTROL, SECONDARY_RDTSCP },
	{ 7, 0,			   ECX, LEAF7_ECX_ENQCMD,			NEVER, 0 },
	{ 7, 0,			   ECX, LEAF7_ECX_OSPKE,			AS_IN_CR4, CR4_PKE },
	{ 7, 0,			   EDX, LEAF7_EDX_PCONFIG,			NEVER, 0 },
	{ 7, 1,			   EAX, LEAF7_1_EAX_FRED | LEAF7_1_EAX_MSRLIST,	NEVER, 0 },
	{ 0xd, 1,		   EAX, LEAFD_1_EAX_XSAVES,			WITH_CONTROL, SECONDARY_XSAVES },
	{ 0xd, 1,		   ECX, BIT(LEAFD_PT),				NEVER, 0 },
	{ 0xd, LEAFD_PT,	   EAX, ~0u,					NEVER, 0 },
	{ 0xd, LEAFD_PT,	   EBX, ~0u,					NEVER, 0 },
	{ 0xd, LEAFD_PT,	   ECX, ~0u,					NEVER, 0 },
	{ 0xd, LEAFD_PT,	   EDX, ~0u,					NEVER, 0 },
	{ 0x14, ANY_SUBLEAF,	   EAX, ~0u,					NEVER, 0 },
	{ 0x14, ANY_SUBLEAF,	   EBX, ~0u,					NEVER, 0 },
	{ 0x14, ANY_SUBLEAF,	   ECX, ~0u,					NEVER, 0 },
	{ 0x14, ANY_SUBLEAF,	   EDX, ~0u,					NEVER, 0 },
	{ 0x80000001, ANY_SUBLEAF, EDX, LEAF80000001_EDX_RDTSCP,		WITH_CONTROL, SECONDARY_RDTSCP },
	{ 0x80000001, ANY_SUBLEAF, EDX, LEAF80000001_EDX_SYSCALL,		IN_64_BIT_CODE, 0 },
};

/* The i386 hypervisor can't enter a 64-bit guest. */
static const struct cpuid_mask i386_masks[] = {
	{ 0x80000001, ANY_SUBLEAF, EDX, LEAF80000001_EDX_LM | LEAF80000001_EDX_SYSCALL, NEVER, 0 },
};

/* The masks that hold on this CPU, in lists by leaf, as exits look them up. */
#define BUCKETS		32

static struct cpuid_rule {
	struct cpuid_mask mask;
	struct cpuid_rule *next;
} rules[ARRAY_SIZE(masks) + ARRAY_SIZE(i386_masks)];
static struct cpuid_rule *first_rule[BUCKETS];

static struct cpuid_rule *add_rules(struct cpuid_rule *rule, const struct cpuid_mask *m, u32 count)
{
	for (; count--; m++) {
		struct cpuid_rule **first = &first_rule[m->leaf % BUCKETS];

		if (m->shown == WITH_CONTROL && vmx_caps.secondary & m->which)
			continue;
		if (m->leaf < LEAF_EXTENDED && m->leaf > cpuid(0, 0).eax)
			continue;		/* answered with another leaf's words */
		*rule = (struct cpuid_rule){ *m, *first };
		*first = rule++;
	}
	return rule;
}

/* Sends the leaves of @leaf's bucket through answer(), though nothing may be masked there. */
static void mark(u32 leaf)
{
	static struct cpuid_rule nothing = { { ~0u, 0, EAX, 0, NEVER, 0 }, NULL };

	if (!first_rule[leaf % BUCKETS])
		first_rule[leaf % BUCKETS] = &nothing;
}

void cpuid_policy_init(void)
{
	struct cpuid_rule *free = add_rules(rules, masks, ARRAY_SIZE(masks));

	if (sizeof(uptr) == 4)
		add_rules(free, i386_masks, ARRAY_SIZE(i386_masks));
	for (u32 i = 0; i < BUCKETS && hypapp_wants_cpuid(xmhf_hypapp.cpuid_first + i); i++)
		mark(xmhf_hypapp.cpuid_first + i);
}

static bool shown_now(const struct vcpu *v, const struct cpuid_mask *m)
{
	switch (m->shown) {
	case AS_IN_CR4:
		return vmcs_read(GUEST_CR4) & m->which;
	case IN_64_BIT_CODE:
		return vmcs_read(GUEST_EFER) & EFER_LMA && vmcs_read32(GUEST_CS_AR) & AR_LONG;
	case WHILE_APIC_ON:
		return !v->apic_off;
	default:
		return false;
	}
}

/* Us: how many copies are stacked. The copy below, if there is one, has answered in the registers. */
static void us(union gprs *g)
{
	bool stacked = (u32)g->rbx == LEAF_US && (u32)g->rcx == LEAF_US_TAIL;

	g->rax = stacked ? g->rax + 1 : 1;
	g->rbx = LEAF_US;
	g->rcx = LEAF_US_TAIL;
	g->rdx = 0;
}

/*
 * What a hypervisor below offers there it serves for us, not for our guest. Zeros, and not the highest basic leaf's words as
 * from a CPU: whoever asks takes EAX of the first for the highest of these leaves.
 */
static void nobody(union gprs *g)
{
	g->rax = g->rbx = g->rcx = g->rdx = 0;
}

static inline void hardware(union gprs *g)
{
	__asm__ volatile("cpuid" : "+a"(g->rax), "=b"(g->rbx), "+c"(g->rcx), "=d"(g->rdx));
}

/* For leaves that aren't simply the hardware's. */
static NOINLINE enum verdict answer(struct vcpu *v, const struct cpuid_rule *rule)
{
	u32 leaf = (u32)v->regs.rax, subleaf = (u32)v->regs.rcx;

	hardware(&v->regs);
	for (; rule; rule = rule->next) {
		const struct cpuid_mask *m = &rule->mask;

		if (m->leaf != leaf || (m->subleaf != subleaf && m->subleaf != ANY_SUBLEAF))
			continue;
		if (m->shown == AS_IN_CR4)
			v->regs.r[m->reg] |= m->bits;
		if (!shown_now(v, m))
			v->regs.r[m->reg] &= ~m->bits;
	}
	if (leaf >= LEAF_SPARE && leaf <= LEAF_BELOW_LAST)
		nobody(&v->regs);
	if (leaf == LEAF_US)
		us(&v->regs);
	if (hypapp_wants_cpuid(leaf))
		hypapp_cpuid(leaf, subleaf, &v->regs);
	return ADVANCE;
}

enum verdict guest_cpuid(struct vcpu *v)
{
	u32 leaf = (u32)v->regs.rax;
	const struct cpuid_rule *rule = first_rule[leaf % BUCKETS];

	if (__builtin_expect(rule || leaf & LEAF_SPARE, 0))
		return answer(v, rule);
	hardware(&v->regs);
	return ADVANCE;
}
