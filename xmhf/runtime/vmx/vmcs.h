/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMCS: field encodings, the VMX instructions that reach it, and the bits of its controls.
 * A 64-bit field is two accesses on i386 (SDM 25.11.2: the high half is at encoding + 1).
 */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include "lib/types.h"
#include "machine/cost.h"

enum vmcs_field {
#define FIELD(name, encoding, ...) name = encoding,
#include "vmx/vmcs_fields.def"
#undef FIELD
};

/* SDM 25.11.2: bits 14:13 of an encoding. */
enum vmcs_width { W16, W64, W32, WNAT };
static inline enum vmcs_width vmcs_width_of(u32 encoding) { return (enum vmcs_width)(encoding >> 13 & 3); }

/* What a field belongs to. */
enum vmcs_group { GROUP_CONTROL, GROUP_EXIT_INFO, GROUP_GUEST, GROUP_GUEST_SEG, GROUP_HOST };

static inline uptr vmread_raw(u32 encoding)
{
	uptr value;

	cost(XMHF_COST_FIELD);
	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"((uptr)encoding) : "cc");
	return value;
}

static inline void vmwrite_raw(u32 encoding, uptr value)
{
	cost(XMHF_COST_FIELD);
	__asm__ volatile("vmwrite %0, %1" : : "r"(value), "r"((uptr)encoding) : "cc");
}

/* The field must exist on this CPU: optional fields are only touched when their control is in use. */
static inline u64 vmcs_read(enum vmcs_field field)
{
	u64 value = vmread_raw(field);

	if (sizeof(uptr) == 4 && vmcs_width_of(field) == W64)
		value |= (u64)vmread_raw(field + 1) << 16 << 16;
	return value;
}

static inline u32 vmcs_read32(enum vmcs_field field) { return (u32)vmread_raw(field); }
static inline uptr vmcs_read_natural(enum vmcs_field field) { return vmread_raw(field); }	/* all but 64-bit fields */

static inline void vmcs_write(enum vmcs_field field, u64 value)
{
	vmwrite_raw(field, (uptr)value);
	if (sizeof(uptr) == 4 && vmcs_width_of(field) == W64)
		vmwrite_raw(field + 1, (uptr)(value >> 32));
}

/* The same of a value in memory, which is the instruction's operand. */
static inline void vmcs_write_from(enum vmcs_field field, const u64 *value)
{
	const uptr *part = (const uptr *)(const void *)value;

	cost(XMHF_COST_FIELD);
	__asm__ volatile("vmwrite %0, %1" : : "m"(*part), "r"((uptr)field) : "cc");
	if (sizeof(uptr) == 4 && vmcs_width_of(field) == W64) {
		cost(XMHF_COST_FIELD);
		__asm__ volatile("vmwrite %0, %1" : : "m"(part[1]), "r"((uptr)field + 1) : "cc");
	}
}

/* Reads any encoding; false if this CPU hasn't that field. */
static inline bool vmcs_try_read(u32 encoding, u64 *value)
{
	uptr v = 0;
	bool ok;

	cost(XMHF_COST_FIELD);
	__asm__ volatile("vmread %2, %1" : "=@cca"(ok), "+r"(v) : "r"((uptr)encoding));
	*value = v;
	return ok;
}

/* VMfail in the SDM's sense (30.2): CF or ZF. */
static inline bool vmx_on(u64 region)
{
	bool ok;

	__asm__ volatile("vmxon %1" : "=@cca"(ok) : "m"(region) : "memory");
	return ok;
}

static inline bool vmcs_clear(u64 region)
{
	bool ok;

	cost(XMHF_COST_VMCLEAR);
	__asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(region) : "memory");
	return ok;
}

static inline bool vmcs_load(u64 region)
{
	bool ok;

	cost(XMHF_COST_VMPTRLD);
	__asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(region) : "memory");
	return ok;
}

/* VMPTRLD of a region of ours, whose address is at @region: it can't fail but by a bug. */
void vmcs_use_failed(void);
static inline void vmcs_use(const u64 *region)
{
	bool ok;

	cost(XMHF_COST_VMPTRLD);
	__asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(*region));
	if (__builtin_expect(!ok, 0))
		vmcs_use_failed();
}

enum invept_kind { INVEPT_SINGLE = 1, INVEPT_ALL = 2 };

static inline bool vmx_invept(enum invept_kind kind, u64 eptp)
{
	struct { u64 eptp, zero; } descriptor = { eptp, 0 };
	bool ok;

	cost(XMHF_COST_INVALIDATE);
	__asm__ volatile("invept %1, %2" : "=@cca"(ok) : "m"(descriptor), "r"((uptr)kind) : "memory");
	return ok;
}

enum invvpid_kind { INVVPID_ADDRESS, INVVPID_SINGLE, INVVPID_ALL, INVVPID_SINGLE_KEEP_GLOBAL };

static inline bool vmx_invvpid(enum invvpid_kind kind, u16 vpid, u64 linear)
{
	struct { u64 vpid, linear; } descriptor = { vpid, linear };
	bool ok;

	cost(XMHF_COST_INVALIDATE);
	__asm__ volatile("invvpid %1, %2" : "=@cca"(ok) : "m"(descriptor), "r"((uptr)kind) : "memory");
	return ok;
}

/* Pin-based (SDM 25.6.1) */
#define PIN_EXTINT		BIT(0)
#define PIN_NMI			BIT(3)
#define PIN_VIRTUAL_NMIS	BIT(5)
#define PIN_PREEMPTION_TIMER	BIT(6)
#define PIN_POSTED_INTR		BIT(7)

/* Primary processor-based (25.6.2) */
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

/* Secondary processor-based */
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
#define SECONDARY_VMCS_SHADOWING BIT(14)
#define SECONDARY_ENCLS		BIT(15)
#define SECONDARY_RDSEED	BIT(16)
#define SECONDARY_PML		BIT(17)
#define SECONDARY_EPT_VE	BIT(18)
#define SECONDARY_CONCEAL_PT	BIT(19)
#define SECONDARY_XSAVES	BIT(20)
#define SECONDARY_PASID		BIT(21)
#define SECONDARY_MODE_BASED_X	BIT(22)
#define SECONDARY_SUB_PAGE_PERM	BIT(23)
#define SECONDARY_PT_GPA	BIT(24)
#define SECONDARY_TSC_SCALING	BIT(25)
#define SECONDARY_USER_WAIT	BIT(26)
#define SECONDARY_PCONFIG	BIT(27)
#define SECONDARY_ENCLV		BIT(28)
#define SECONDARY_EPC		BIT(29)
#define SECONDARY_BUS_LOCK	BIT(30)
#define SECONDARY_INSTR_TIMEOUT	BIT(31)

/* VM-exit (25.7.1) and VM-entry (25.8.1) */
#define EXIT_SAVE_DEBUG		BIT(2)
#define EXIT_HOST_64		BIT(9)
#define EXIT_LOAD_PERF		BIT(12)
#define EXIT_ACK_INTR		BIT(15)
#define EXIT_SAVE_PAT		BIT(18)
#define EXIT_LOAD_PAT		BIT(19)
#define EXIT_SAVE_EFER		BIT(20)
#define EXIT_LOAD_EFER		BIT(21)
#define EXIT_SAVE_TIMER		BIT(22)
#define EXIT_CLEAR_BNDCFGS	BIT(23)
#define EXIT_CONCEAL_PT		BIT(24)
#define EXIT_CLEAR_RTIT		BIT(25)
#define EXIT_CLEAR_LBR		BIT(26)
#define EXIT_CLEAR_UINV		BIT(27)
#define EXIT_LOAD_CET		BIT(28)
#define EXIT_LOAD_PKRS		BIT(29)
#define EXIT_SAVE_PERF		BIT(30)
#define EXIT_SECONDARY		BIT(31)
#define ENTRY_LOAD_DEBUG	BIT(2)
#define ENTRY_IA32E		BIT(9)
#define ENTRY_TO_SMM		BIT(10)
#define ENTRY_END_DUAL_MONITOR	BIT(11)
#define ENTRY_LOAD_PERF		BIT(13)
#define ENTRY_LOAD_PAT		BIT(14)
#define ENTRY_LOAD_EFER		BIT(15)
#define ENTRY_LOAD_BNDCFGS	BIT(16)
#define ENTRY_CONCEAL_PT	BIT(17)
#define ENTRY_LOAD_RTIT		BIT(18)
#define ENTRY_LOAD_UINV		BIT(19)
#define ENTRY_LOAD_CET		BIT(20)
#define ENTRY_LOAD_LBR		BIT(21)
#define ENTRY_LOAD_PKRS		BIT(22)

/* VM functions (25.6.14) */
#define VMFUNC_EPTP_SWITCHING	BIT(0)

/* Between the encodings of one property of ES, CS, SS, DS, FS, GS, LDTR and TR (appendix B) */
#define SEGMENT_STEP		2

/* Access rights (25.4.1) */
#define AR_LONG			BIT(13)	/* CS.L */

/* Guest interruptibility (25.4.2) */
#define BLOCKING_STI		BIT(0)
#define BLOCKING_MOV_SS		BIT(1)
#define BLOCKING_SMI		BIT(2)
#define BLOCKING_NMI		BIT(3)

#define PENDING_DBG_BS		BIT(14)

enum activity { ACTIVITY_ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN, ACTIVITY_WAIT_FOR_SIPI };

/* Event information: entry, exit and IDT-vectoring share the layout (25.8.3) */
#define INTR_VALID		BIT(31)
#define INTR_ERROR_CODE		BIT(11)
#define PUSHES_ERROR_CODE	(BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17))	/* vectors: SDM 27.2.1.3 */
#define INTR_TYPE(info)		((info) >> 8 & 7)
#define INTR_VECTOR(info)	((u8)(info))
enum intr_type { INTR_EXTINT, INTR_NMI = 2, INTR_HARDWARE, INTR_SOFTWARE, INTR_PRIVILEGED, INTR_SOFT_EXCEPTION, INTR_OTHER };

/* An event other than a plain external interrupt, to which no more belongs and no rule applies, whatever its vector. */
static inline bool intr_has_more(u32 info) { return info & INTR_VALID && info & ~(INTR_VALID | 0xffu); }

/* Basic exit reasons (appendix C) */
enum exit_reason {
	EXIT_EXCEPTION_NMI, EXIT_EXTINT, EXIT_TRIPLE_FAULT, EXIT_INIT, EXIT_SIPI, EXIT_INTR_WINDOW = 7, EXIT_NMI_WINDOW,
	EXIT_TASK_SWITCH, EXIT_CPUID, EXIT_GETSEC, EXIT_HLT, EXIT_INVD, EXIT_VMCALL = 18, EXIT_VMCLEAR, EXIT_VMLAUNCH,
	EXIT_VMPTRLD, EXIT_VMPTRST, EXIT_VMREAD, EXIT_VMRESUME, EXIT_VMWRITE, EXIT_VMXOFF, EXIT_VMXON, EXIT_CR, EXIT_DR,
	EXIT_IO, EXIT_RDMSR, EXIT_WRMSR, EXIT_BAD_GUEST_STATE, EXIT_BAD_MSR_LOAD, EXIT_MTF = 37, EXIT_MACHINE_CHECK = 41,
	EXIT_TPR_THRESHOLD = 43, EXIT_EOI = 45, EXIT_EPT_VIOLATION = 48, EXIT_EPT_MISCONFIG, EXIT_INVEPT, EXIT_PREEMPTION_TIMER = 52,
	EXIT_INVVPID, EXIT_WBINVD, EXIT_XSETBV, EXIT_APIC_WRITE, EXIT_VMFUNC = 59, EXIT_PML_FULL = 62, EXIT_REASONS = 80
};
#define EXIT_REASON_ENTRY_FAILED	BIT(31)

/* Exit qualification of an EPT violation (table 28-7); bits 2:0 have the order of enum ept_rights */
#define QUAL_READ		BIT(0)
#define QUAL_WRITE		BIT(1)
#define QUAL_FETCH		BIT(2)
#define QUAL_ACCESS		(QUAL_READ | QUAL_WRITE | QUAL_FETCH)
#define QUAL_HAS_LINEAR		BIT(7)
#define QUAL_TRANSLATED		BIT(8)
#define QUAL_NMI_UNBLOCKING	BIT(12)
#define INTR_NMI_UNBLOCKING	BIT(12)		/* of an exit's interruption information */

/* Exception vectors */
enum vector { DB_TRAP = 1, NMI_VECTOR = 2, UD_FAULT = 6, DF_ABORT = 8, TS_FAULT = 10, NP_FAULT, SS_FAULT, GP_FAULT, PF_FAULT, MC_ABORT = 18, VE_FAULT = 20 };
#define FAULTS		0x3b7ce1u	/* a bit for each vector of that class: SDM table 6-1 */

#endif
