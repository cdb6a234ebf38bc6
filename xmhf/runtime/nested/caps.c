/* SPDX-License-Identifier: BSD-2-Clause */
/* The allow-list applied to a CPU's capability MSRs. */
#include "lib/mtrr.h"
#include "memory/ept_entry.h"
#include "nested/caps.h"
#include "nested/vmcs12.h"

#define CR3_TARGETS	4u	/* what VMCS12 has room for */
#define EPT_BITS	0x7ffffffull
#define VPID_BITS	(0xfffull << 32)

/* Controls that are 1 where the TRUE MSRs aren't used: the default1 class of A.2. */
static const struct { u8 cap, true_cap; u32 default1; } controls[] = {
	{ CAP_PIN,     CAP_TRUE_PIN,	 0x00000016 },
	{ CAP_PRIMARY, CAP_TRUE_PRIMARY, 0x0401e172 },
	{ CAP_EXIT,    CAP_TRUE_EXIT,	 0x00036dff },
	{ CAP_ENTRY,   CAP_TRUE_ENTRY,	 0x000011ff },
};

static u64 listed(enum vmx_cap cap, bool long_mode)
{
	u64 bits = 0;

	for (u32 i = 0; i < caps_table_size; i++) {
		const struct cap_bits *b = &caps_table[i];

		if (b->cap == cap && b->why_not == NULL && (long_mode || !b->needs_64bit))
			bits |= (BIT64(b->count) - 1) << b->first;
	}
	return bits;
}

/* SDM A.3 to A.5: allowed-0 in the low half, allowed-1 in the high one. */
static void offer_controls(const u64 hardware[CAPS], bool long_mode, struct vmx_caps_offered *offered)
{
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		enum vmx_cap cap = (enum vmx_cap)controls[i].cap, true_cap = (enum vmx_cap)controls[i].true_cap;
		u64 real = hardware[hardware[CAP_BASIC] & BASIC_TRUE_CTRLS ? true_cap : cap];
		u32 allowed1 = (u32)(real >> 32) & (u32)listed(cap, long_mode);

		allowed1 |= (u32)real | controls[i].default1;
		offered->msr[true_cap] = (u64)allowed1 << 32 | (u32)real;
		offered->msr[cap] = (u64)allowed1 << 32 | (u32)real | controls[i].default1;
	}
	if (caps_allow(offered, CAP_PRIMARY, PRIMARY_SECONDARY))
		offered->msr[CAP_SECONDARY] = hardware[CAP_SECONDARY] & listed(CAP_SECONDARY, long_mode) << 32;
}

static u64 offer_misc(u64 hardware, bool long_mode)
{
	u64 misc = hardware & listed(CAP_MISC, long_mode);
	u64 targets = MIN(misc >> MISC_CR3_TARGETS_SHIFT & 0x1ff, CR3_TARGETS);

	return (misc & ~MISC_CR3_TARGETS) | targets << MISC_CR3_TARGETS_SHIFT;
}

static u64 offer_ept_vpid(u64 hardware, const struct vmx_caps_offered *offered, bool long_mode)
{
	u64 with_controls = (caps_allow(offered, CAP_SECONDARY, SECONDARY_EPT) ? EPT_BITS : 0) |
			    (caps_allow(offered, CAP_SECONDARY, SECONDARY_VPID) ? VPID_BITS : 0);

	return hardware & listed(CAP_EPT_VPID, long_mode) & with_controls;
}

void caps_offer(const u64 hardware[CAPS], bool long_mode, struct vmx_caps_offered *offered)
{
	u64 *to = offered->msr;

	*offered = (struct vmx_caps_offered){ { 0 } };
	to[CAP_BASIC] = VMCS12_REVISION | (u64)PAGE_SIZE << BASIC_SIZE_SHIFT | (u64)MEMTYPE_WB << BASIC_TYPE_SHIFT |
			(long_mode ? 0 : BASIC_32BIT_ADDRESSES) | (hardware[CAP_BASIC] & listed(CAP_BASIC, long_mode));
	offer_controls(hardware, long_mode, offered);
	to[CAP_MISC] = offer_misc(hardware[CAP_MISC], long_mode);
	for (u32 cap = CAP_CR0_FIXED0; cap <= CAP_CR4_FIXED1; cap++)
		to[cap] = hardware[cap] & listed((enum vmx_cap)cap, long_mode);
	to[CAP_EPT_VPID] = offer_ept_vpid(hardware[CAP_EPT_VPID], offered, long_mode);
	if (caps_allow(offered, CAP_SECONDARY, SECONDARY_VMFUNC))
		to[CAP_VMFUNC] = hardware[CAP_VMFUNC] & listed(CAP_VMFUNC, long_mode);
	to[CAP_VMCS_ENUM] = vmcs12_enum(offered);
}

bool caps_has_msr(const struct vmx_caps_offered *offered, u32 msr)
{
	switch ((u64)msr - CAP_FIRST_MSR) {
	case CAP_SECONDARY:
		return caps_allow(offered, CAP_PRIMARY, PRIMARY_SECONDARY);
	case CAP_EPT_VPID:
		return caps_allow(offered, CAP_SECONDARY, SECONDARY_EPT) ||
		       caps_allow(offered, CAP_SECONDARY, SECONDARY_VPID);
	case CAP_TRUE_PIN ... CAP_TRUE_ENTRY:
		return offered->msr[CAP_BASIC] & BASIC_TRUE_CTRLS;
	case CAP_VMFUNC:
		return caps_allow(offered, CAP_SECONDARY, SECONDARY_VMFUNC);
	default:
		return msr - CAP_FIRST_MSR < CAPS;
	}
}
