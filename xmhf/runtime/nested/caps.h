/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMX that L1 sees: MSRs 0x480 to 0x491 computed from the hardware's and an allow-list (caps_table.c).
 * Pure; SDM appendix A says what each bit is.
 */
#ifndef NESTED_CAPS_H
#define NESTED_CAPS_H

#include "lib/types.h"

/* In the order of the MSRs, from IA32_VMX_BASIC (0x480) to IA32_VMX_VMFUNC (0x491). */
enum vmx_cap {
	CAP_BASIC, CAP_PIN, CAP_PRIMARY, CAP_EXIT, CAP_ENTRY, CAP_MISC, CAP_CR0_FIXED0, CAP_CR0_FIXED1, CAP_CR4_FIXED0,
	CAP_CR4_FIXED1, CAP_VMCS_ENUM, CAP_SECONDARY, CAP_EPT_VPID, CAP_TRUE_PIN, CAP_TRUE_PRIMARY, CAP_TRUE_EXIT,
	CAP_TRUE_ENTRY, CAP_VMFUNC, CAPS,
	CAP_TERTIARY, CAP_SECONDARY_EXIT	/* 0x492 and 0x493, which L1 hasn't: they have rows in caps_table.c alone */
};
#define CAP_FIRST_MSR		0x480u

/* IA32_VMX_BASIC (A.1) */
#define BASIC_REVISION		0x7fffffffull
#define BASIC_SIZE_SHIFT	32
#define BASIC_SIZE		(0x1fffull << BASIC_SIZE_SHIFT)
#define BASIC_32BIT_ADDRESSES	BIT64(48)
#define BASIC_TYPE_SHIFT	50
#define BASIC_INS_OUTS		BIT64(54)
#define BASIC_TRUE_CTRLS	BIT64(55)
#define BASIC_ANY_ERROR_CODE	BIT64(56)	/* a hardware exception may be injected with or without one */

/* IA32_VMX_MISC (A.6) */
#define MISC_TIMER_RATE		0x1full
#define MISC_STORES_LMA		BIT64(5)
#define MISC_HLT		BIT64(6)
#define MISC_SHUTDOWN		BIT64(7)
#define MISC_WAIT_FOR_SIPI	BIT64(8)
#define MISC_CR3_TARGETS_SHIFT	16
#define MISC_CR3_TARGETS	(0x1ffull << MISC_CR3_TARGETS_SHIFT)
#define MISC_WRITE_ANY_FIELD	BIT64(29)
#define MISC_ZERO_LENGTH	BIT64(30)	/* software events may be injected with instruction length 0 */

/* IA32_VMX_EPT_VPID_CAP (A.10), as far as memory/ept_entry.h hasn't it */
#define EPT_VPID_INVVPID	BIT64(32)

#define VMCS12_REVISION		0x464d4858u	/* "XHMF", bit 31 clear: opaque to L1 */

/* Indexed by enum vmx_cap. */
struct vmx_caps_offered {
	u64 msr[CAPS];
};

/* A piece of a capability MSR: a control, a feature, a number. The documentation's table is made of these. */
struct cap_bits {
	u8 cap;			/* enum vmx_cap; for controls never one of the TRUE MSRs */
	u8 first, count;	/* bits; a control counts from 0 in its field */
	bool needs_64bit;	/* offered by the amd64 hypervisor alone */
	const char *name;	/* as in the SDM */
	const char *why_not;	/* NULL: offered if the hardware has it */
};

extern const struct cap_bits caps_table[];
extern const u32 caps_table_size;

/*
 * What L1 is offered on a CPU whose MSRs are @hardware (0 where the CPU lacks one). Without IA32_VMX_BASIC's bit 55
 * the TRUE MSRs don't exist for L1; they are filled all the same, and are what checks look at.
 */
void caps_offer(const u64 hardware[CAPS], bool long_mode, struct vmx_caps_offered *offered);

/* Has L1 an MSR @msr with VMX capabilities? (Then it is offered->msr[msr - CAP_FIRST_MSR].) */
bool caps_has_msr(const struct vmx_caps_offered *offered, u32 msr);

/* May L1 set @control in the field whose MSR is @cap? For IA32_VMX_VMFUNC: in the VM-function controls. */
static inline bool caps_allow(const struct vmx_caps_offered *offered, enum vmx_cap cap, u64 control)
{
	u64 allowed1 = cap == CAP_VMFUNC ? offered->msr[cap] : offered->msr[cap] >> 32;

	return (allowed1 & control) == control;
}

#endif
