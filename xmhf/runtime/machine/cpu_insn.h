/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The privileged instructions as C functions, and the register bits they meet.
 * Names and bits are the SDM's (volume 3, chapter 2; volume 4 for the MSRs).
 */
#ifndef MACHINE_CPU_INSN_H
#define MACHINE_CPU_INSN_H

#include "lib/types.h"
#include "machine/cost.h"

#define CR0_PE		BIT(0)
#define CR0_MP		BIT(1)
#define CR0_TS		BIT(3)
#define CR0_ET		BIT(4)
#define CR0_NE		BIT(5)
#define CR0_WP		BIT(16)
#define CR0_NW		BIT(29)
#define CR0_CD		BIT(30)
#define CR0_PG		BIT(31)

#define CR4_PSE		BIT(4)
#define CR4_PAE		BIT(5)
#define CR4_MCE		BIT(6)
#define CR4_PGE		BIT(7)
#define CR4_LA57	BIT(12)
#define CR4_VMXE	BIT(13)
#define CR4_SMXE	BIT(14)
#define CR4_PCIDE	BIT(17)
#define CR4_OSXSAVE	BIT(18)
#define CR4_SMEP	BIT(20)
#define CR4_SMAP	BIT(21)
#define CR4_PKE		BIT(22)
#define CR4_CET		BIT(23)
#define CR4_PKS		BIT(24)
#define CR4_FRED	BIT64(32)	/* 64-bit mode only */

#define EFER_SCE	BIT(0)
#define EFER_LME	BIT(8)
#define EFER_LMA	BIT(10)
#define EFER_NXE	BIT(11)

#define RFLAGS_CF	BIT(0)
#define RFLAGS_FIXED	BIT(1)
#define RFLAGS_ZF	BIT(6)
#define RFLAGS_TF	BIT(8)
#define RFLAGS_IF	BIT(9)
#define RFLAGS_ARITH	0x8d5u		/* CF PF AF ZF SF OF */
#define RFLAGS_RF	BIT(16)
#define RFLAGS_VM	BIT(17)

#define MSR_TSC			0x10
#define MSR_APIC_BASE			0x1b
#define  APIC_BASE_BSP			BIT(8)
#define  APIC_BASE_X2APIC		BIT(10)
#define  APIC_BASE_ENABLE		BIT(11)
#define MSR_FEATURE_CONTROL		0x3a
#define  FEATURE_CONTROL_LOCK		BIT(0)
#define  FEATURE_CONTROL_VMX		BIT(2)
#define MSR_BIOS_UPDT_TRIG		0x79
#define MSR_SMM_MONITOR_CTL		0x9b
#define MSR_ARCH_CAPABILITIES		0x10a
#define  ARCH_CAP_RDCL_NO		BIT(0)
#define  ARCH_CAP_SKIP_L1DFL_VMENTRY	BIT(3)
#define MSR_FLUSH_CMD			0x10b
#define MSR_SYSENTER_CS			0x174
#define MSR_SYSENTER_ESP		0x175
#define MSR_SYSENTER_EIP		0x176
#define MSR_MISC_ENABLE			0x1a0
#define  MISC_ENABLE_XD_OFF		BIT64(34)
#define DEBUGCTL_BTF			BIT(1)		/* IA32_DEBUGCTL: in the VMCS */
#define MSR_DEBUGCTL			0x1d9
#define  DEBUGCTL_LBR			BIT(0)
#define  DEBUGCTL_TR			BIT(6)
#define MSR_PAT				0x277
#define MSR_VMX_BASIC			0x480
#define MSR_VMX_PIN_CTRLS		0x481
#define MSR_VMX_PRIMARY_CTRLS		0x482
#define MSR_VMX_EXIT_CTRLS		0x483
#define MSR_VMX_ENTRY_CTRLS		0x484
#define MSR_VMX_MISC			0x485
#define MSR_VMX_CR0_FIXED0		0x486
#define MSR_VMX_CR0_FIXED1		0x487
#define MSR_VMX_CR4_FIXED0		0x488
#define MSR_VMX_CR4_FIXED1		0x489
#define MSR_VMX_SECONDARY_CTRLS		0x48b
#define MSR_VMX_EPT_VPID_CAP		0x48c
#define MSR_VMX_TRUE_PIN_CTRLS		0x48d
#define MSR_VMX_TRUE_PRIMARY_CTRLS	0x48e
#define MSR_VMX_TRUE_EXIT_CTRLS		0x48f
#define MSR_VMX_TRUE_ENTRY_CTRLS	0x490
#define MSR_VMX_VMFUNC			0x491
#define MSR_VMX_LAST			0x493
#define MSR_FRED_RSP0			0x1cc
#define MSR_FRED_LAST			0x1d4
#define MSR_PERF_GLOBAL_CTRL		0x38f
#define MSR_RTIT_OUTPUT_BASE		0x560	/* and 0x561, MASK_PTRS */
#define MSR_RTIT_CTL			0x570
#define MSR_RTIT_LAST			0x58f
#define MSR_X2APIC_FIRST		0x800
#define MSR_XSS				0xda0
#define  XSS_PT				BIT(8)
#define MSR_TME_ACTIVATE		0x982
#define  TME_ENABLED			BIT(1)
#define  TME_KEY_ID_BITS(value)		((u32)((value) >> 32) & 15)
#define MSR_LBR_CTL			0x14ce
#define  LBR_CTL_ENABLE			BIT(0)
#define MSR_HYPERV_FIRST		0x40000000	/* no CPU has these (SDM vol. 4, 2.1), hypervisors do */
#define MSR_HYPERV_LAST			0x400001ff
#define MSR_KVM_FIRST			0x4b564d00
#define MSR_KVM_LAST			0x4b564dff
#define MSR_EFER			0xc0000080
#define MSR_FS_BASE			0xc0000100
#define MSR_GS_BASE			0xc0000101

struct cpuid_regs { u32 eax, ebx, ecx, edx; };

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "0"(leaf), "2"(subleaf));
	return r;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	cost(XMHF_COST_MSR);
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 value)
{
	cost(XMHF_COST_MSR);
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

/* The low half alone: differences below 2^32 ticks need no more. */
static inline u32 rdtsc_low(void)
{
	u32 lo;

	__asm__ volatile("rdtsc" : "=a"(lo) : : "edx");
	return lo;
}

static inline void xsetbv(u32 index, u64 value)
{
	__asm__ volatile("xsetbv" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

#define CR_ACCESSORS(n)							\
static inline uptr read_cr##n(void)					\
{									\
	uptr v;								\
	__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v));		\
	return v;							\
}									\
static inline void write_cr##n(uptr v)					\
{									\
	__asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory");	\
}
CR_ACCESSORS(0)
CR_ACCESSORS(2)
CR_ACCESSORS(3)
CR_ACCESSORS(4)

static inline void cpu_pause(void) { __asm__ volatile("pause" : : : "memory"); }
static inline void wbinvd(void) { __asm__ volatile("wbinvd" : : : "memory"); }

static inline NORETURN void cpu_halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

#endif
