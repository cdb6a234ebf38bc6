/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMCS as the SDM has it: encodings (the project's table of appendix B), controls and other bits. The bits are
 * written down here a second time on purpose: a slip in the hypervisor's own header must not hide itself.
 */
#ifndef L1_VMCS_BITS_H
#define L1_VMCS_BITS_H

enum vmcs_field {
#define FIELD(name, encoding, ...) name = encoding,
#include "../../../xmhf/runtime/vmx/vmcs_fields.def"
#undef FIELD
};
#define FIELD_LAST	0x6fffu			/* encodings have no bits above */
#define FIELD_HIGH	1u			/* the upper half of a 64-bit field */
#define FIELD_IS_64(f)	(((f) & 0x6000) == 0x2000)
#define SEG(what, s)	((enum vmcs_field)(GUEST_ES_##what + 2 * (s)))	/* SEG(AR, SEG_CS) */
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEGMENTS };

/* Capability MSRs (appendix A) */
enum { MSR_VMX_BASIC = 0x480, MSR_VMX_PIN, MSR_VMX_PRIMARY, MSR_VMX_EXIT, MSR_VMX_ENTRY, MSR_VMX_MISC, MSR_VMX_CR0_FIXED0,
       MSR_VMX_CR0_FIXED1, MSR_VMX_CR4_FIXED0, MSR_VMX_CR4_FIXED1, MSR_VMX_ENUM, MSR_VMX_SECONDARY, MSR_VMX_EPT_VPID,
       MSR_VMX_TRUE_PIN, MSR_VMX_TRUE_PRIMARY, MSR_VMX_TRUE_EXIT, MSR_VMX_TRUE_ENTRY, MSR_VMX_VMFUNC };
#define BASIC_REVISION		0x7fffffffu
#define BASIC_32BIT_ADDRESSES	(1ull << 48)
#define BASIC_TRUE_CTRLS	(1ull << 55)
#define BASIC_ANY_ERROR_CODE	(1ull << 56)
#define MISC_TIMER_RATE		0x1fu
#define MISC_HLT		BIT(6)
#define MISC_SHUTDOWN		BIT(7)
#define MISC_WAIT_FOR_SIPI	BIT(8)
#define MISC_CR3_TARGETS(misc)	((u32)((misc) >> 16) & 0x1ff)
#define MISC_WRITE_ANY_FIELD	BIT(29)
#define MISC_ZERO_LENGTH	BIT(30)
#define EPT_CAP_EXEC_ONLY	BIT(0)
#define EPT_CAP_UC		BIT(8)
#define EPT_CAP_WB		BIT(14)
#define EPT_CAP_2M		BIT(16)
#define EPT_CAP_1G		BIT(17)
#define EPT_CAP_INVEPT		BIT(20)
#define EPT_CAP_AD		BIT(21)
#define EPT_CAP_INVEPT_KIND(k)	BIT(24 + (k))		/* 1 single, 2 all */
#define VPID_CAP_INVVPID	(1ull << 32)
#define VPID_CAP_INVVPID_KIND(k) (1ull << (40 + (k)))	/* 0 address, 1 single, 2 all, 3 single but globals */

#define PIN_EXTINT		BIT(0)
#define PIN_NMI			BIT(3)
#define PIN_VIRTUAL_NMIS	BIT(5)
#define PIN_TIMER		BIT(6)
#define PIN_POSTED		BIT(7)
#define PRIMARY_INTR_WINDOW	BIT(2)
#define PRIMARY_TSC_OFFSET	BIT(3)
#define PRIMARY_HLT		BIT(7)
#define PRIMARY_INVLPG		BIT(9)
#define PRIMARY_MWAIT		BIT(10)
#define PRIMARY_RDPMC		BIT(11)
#define PRIMARY_RDTSC		BIT(12)
#define PRIMARY_CR3_LOAD	BIT(15)
#define PRIMARY_CR3_STORE	BIT(16)
#define PRIMARY_TERTIARY	BIT(17)
#define PRIMARY_CR8_LOAD	BIT(19)
#define PRIMARY_CR8_STORE	BIT(20)
#define PRIMARY_TPR_SHADOW	BIT(21)
#define PRIMARY_NMI_WINDOW	BIT(22)
#define PRIMARY_MOV_DR		BIT(23)
#define PRIMARY_ALL_IO		BIT(24)
#define PRIMARY_IO_BITMAPS	BIT(25)
#define PRIMARY_MTF		BIT(27)
#define PRIMARY_MSR_BITMAPS	BIT(28)
#define PRIMARY_MONITOR		BIT(29)
#define PRIMARY_PAUSE		BIT(30)
#define PRIMARY_SECONDARY	BIT(31)
#define SECONDARY_APIC_ACCESS	BIT(0)
#define SECONDARY_EPT		BIT(1)
#define SECONDARY_DESC_TABLE	BIT(2)
#define SECONDARY_RDTSCP	BIT(3)
#define SECONDARY_X2APIC	BIT(4)
#define SECONDARY_VPID		BIT(5)
#define SECONDARY_WBINVD	BIT(6)
#define SECONDARY_UNRESTRICTED	BIT(7)
#define SECONDARY_APIC_REGS	BIT(8)
#define SECONDARY_VIRTUAL_INTR	BIT(9)
#define SECONDARY_PAUSE_LOOP	BIT(10)
#define SECONDARY_RDRAND	BIT(11)
#define SECONDARY_INVPCID	BIT(12)
#define SECONDARY_VMFUNC	BIT(13)
#define SECONDARY_SHADOWING	BIT(14)
#define SECONDARY_ENCLS		BIT(15)
#define SECONDARY_RDSEED	BIT(16)
#define SECONDARY_PML		BIT(17)
#define SECONDARY_VE		BIT(18)
#define SECONDARY_XSAVES	BIT(20)
#define SECONDARY_TSC_SCALING	BIT(25)
#define EXIT_SAVE_DEBUG		BIT(2)
#define EXIT_HOST_64		BIT(9)
#define EXIT_LOAD_PERF		BIT(12)
#define EXIT_ACK_INTR		BIT(15)
#define EXIT_SAVE_PAT		BIT(18)
#define EXIT_LOAD_PAT		BIT(19)
#define EXIT_SAVE_EFER		BIT(20)
#define EXIT_LOAD_EFER		BIT(21)
#define EXIT_SAVE_TIMER		BIT(22)
#define EXIT_LOAD_CET		BIT(28)
#define EXIT_SAVE_PERF		BIT(30)
#define ENTRY_LOAD_DEBUG	BIT(2)
#define ENTRY_IA32E		BIT(9)
#define ENTRY_TO_SMM		BIT(10)
#define ENTRY_END_DUAL_MONITOR	BIT(11)
#define ENTRY_LOAD_PERF		BIT(13)
#define ENTRY_LOAD_PAT		BIT(14)
#define ENTRY_LOAD_EFER		BIT(15)
#define ENTRY_LOAD_CET		BIT(20)
#define VMFUNC_EPTP_SWITCHING	BIT(0)

/* Access rights (25.4.1) */
#define AR_CODE16		0x9bu
#define AR_CODE32		0xc09bu
#define AR_CODE64		0xa09bu
#define AR_DATA16		0x93u
#define AR_DATA32		0xc093u
#define AR_V86			0xf3u
#define AR_TSS			0x8bu
#define AR_LDT			0x82u
#define AR_SYSTEM_BIT		BIT(4)
#define AR_DPL(n)		((u32)(n) << 5)
#define AR_PRESENT		BIT(7)
#define AR_LONG			BIT(13)
#define AR_DB			BIT(14)
#define AR_GRANULARITY		BIT(15)
#define AR_UNUSABLE		BIT(16)

/* Interruptibility and activity (25.4.2), pending debug exceptions */
#define BLOCKING_STI		BIT(0)
#define BLOCKING_MOV_SS		BIT(1)
#define BLOCKING_SMI		BIT(2)
#define BLOCKING_NMI		BIT(3)
#define BLOCKING_ENCLAVE	BIT(4)
enum { ACTIVITY_ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN, ACTIVITY_WAIT_FOR_SIPI };
#define PENDING_BS		BIT(14)
#define PENDING_ENABLED		BIT(12)
#define PENDING_RTM		BIT(16)

/* Events (25.8.3): EVENT(type, vector), | EVENT_CODE with an error code */
enum { TYPE_EXTINT, TYPE_RESERVED, TYPE_NMI, TYPE_HARDWARE, TYPE_SOFTWARE, TYPE_PRIVILEGED, TYPE_SOFT_EXCEPTION, TYPE_OTHER };
#define EVENT(type, vector)	(BIT(31) | (u32)(type) << 8 | (vector))
#define EVENT_CODE		BIT(11)
#define EVENT_VALID		BIT(31)

enum { EXIT_EXCEPTION, EXIT_EXTINT, EXIT_TRIPLE_FAULT, EXIT_INIT, EXIT_SIPI, EXIT_INTR_WINDOW = 7, EXIT_NMI_WINDOW,
       EXIT_TASK_SWITCH, EXIT_CPUID, EXIT_GETSEC, EXIT_HLT, EXIT_INVD, EXIT_INVLPG, EXIT_RDPMC, EXIT_RDTSC, EXIT_RSM,
       EXIT_VMCALL, EXIT_VMCLEAR, EXIT_VMLAUNCH, EXIT_VMPTRLD, EXIT_VMPTRST, EXIT_VMREAD, EXIT_VMRESUME, EXIT_VMWRITE,
       EXIT_VMXOFF, EXIT_VMXON, EXIT_CR, EXIT_DR, EXIT_IO, EXIT_RDMSR, EXIT_WRMSR, EXIT_BAD_GUEST, EXIT_BAD_MSR,
       EXIT_MWAIT = 36, EXIT_MTF, EXIT_MONITOR = 39, EXIT_PAUSE, EXIT_BAD_MC, EXIT_TPR = 43, EXIT_APIC_ACCESS, EXIT_EOI,
       EXIT_GDTR_IDTR, EXIT_LDTR_TR, EXIT_EPT_VIOLATION, EXIT_EPT_MISCONFIG, EXIT_INVEPT, EXIT_RDTSCP, EXIT_TIMER,
       EXIT_INVVPID, EXIT_WBINVD, EXIT_XSETBV, EXIT_APIC_WRITE, EXIT_RDRAND, EXIT_INVPCID, EXIT_VMFUNC, EXIT_ENCLS,
       EXIT_RDSEED, EXIT_PML_FULL, EXIT_XSAVES, EXIT_XRSTORS, EXIT_REASONS };
#define ENTRY_FAILED		BIT(31)

/* An entry of the MSR areas (table 25-15) */
struct msr_entry { u32 index, reserved; u64 value; };

#endif
