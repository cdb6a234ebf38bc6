/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What we keep for a CPU. Each CPU owns one aligned block: its stack below, this structure on top, so that
 * the exit stub saves registers by pushing and `this_cpu` is a mask of the stack pointer.
 */
#ifndef VMX_VCPU_H
#define VMX_VCPU_H

#define CPU_BLOCK	0x4000		/* bytes, and its alignment */
#define CPU_AT		0x3000		/* struct vcpu in it; the stack grows down from here */
#define DF_STACK_TOP	0x400		/* the double-fault stack sits at the block's bottom */

#define SEL_CODE	0x08
#define SEL_DATA	0x10
#define SEL_TSS		0x18

#ifdef __ASSEMBLY__

#ifdef __x86_64__
#define VCPU_WORK	(16 * 8)
#else
#define VCPU_WORK	(8 * 4)
#endif

#else

#include "lib/types.h"
#include "vmx/vmcs.h"

#define NR_GPRS (sizeof(uptr) == 8 ? 16 : 8)

/* In the order of the instruction encoding, so that r[n] is register n. RSP lives in the VMCS. */
union gprs {
	struct { uptr rax, rcx, rdx, rbx, rsp_unused, rbp, rsi, rdi; };
	uptr r[NR_GPRS];
};

/* Things to do before the next VM entry; set by others with an atomic OR, then a kick. */
enum work {
	WORK_FLUSH_EPT = BIT(0), WORK_GUEST_NMI = BIT(1), WORK_QUIESCE = BIT(2), WORK_INTERRUPT = BIT(3),
	WORK_FLUSH_EPT02 = BIT(4), WORK_MACHINE_CHECK = BIT(5), WORK_L2_POLICY = BIT(6),
};

/*
 * Which of them can't wait for the next exit, by what translates for the guest that runs: EPT01 for L1 and for an L2 without EPT,
 * else EPT02. VMCS02 has addresses of L1's pages besides.
 */
enum urgent {
	URGENT_IN_L1 = WORK_QUIESCE | WORK_FLUSH_EPT, URGENT_IN_L2 = WORK_QUIESCE | WORK_FLUSH_EPT02,
	URGENT_IN_L2_NO_EPT = URGENT_IN_L1 | URGENT_IN_L2,
};

/* What an exit handler decides; the tail of vm_exit alone acts on it. */
enum verdict {
	RESUME,			/* re-enter as things stand */
	SUCCEED,		/* a VMX instruction is done: the arithmetic flags are cleared (SDM 31.2) */
	ADVANCE,		/* an instruction of any other kind is done */
	INJECT,			/* deliver v->event; made by inject() */
	REFLECT,		/* of L2 alone: an exit to L1, told by v->nested->exit */
	SHUT_DOWN		/* the guest shut itself down: reset the machine */
};

struct exit_record { uptr rip; u32 reason; };	/* of L2 with EXIT_OF_L2 */
#define EXIT_OF_L2	BIT(16)
#define EXIT_RING	(256 / sizeof(struct exit_record))

struct vcpu {
	union gprs regs;
	u32 work;			/* enum work; the stub looks at it last thing before an entry */
	u32 urgent;			/* enum urgent; urgent_set() */
	u32 index;
	u32 apic_id;
	bool served;			/* false: captured, never offered to the guest */
	bool waits_for_sipi;
	bool just_started;		/* by SIPI; it has executed nothing yet: guest/init_sipi.c */
	bool apic_off;			/* the guest disabled its local APIC: guest/apic_base.c */
	bool kicked;			/* an NMI of ours is under way */
	u32 nmis;			/* the guest's that it hasn't had: vmx/nmi.c */
	bool in_l2;			/* VMCS02 is current, not VMCS01 */
	u32 event_info;			/* ENTRY_INTR_INFO of the event to inject, with verdict INJECT */
	u32 event_error;
	u64 event_linear;		/* of a #PF: what CR2 gets, or L1's qualification */
	u32 pin_ctrls;			/* of VMCS01, as last written */
	uptr cr0_shadow, cr4_shadow;	/* of VMCS01, as last written: guest/state.h */
	u64 perf_global_ctrl;		/* IA32_PERF_GLOBAL_CTRL of the guest that runs, where VM entries load it */
	u32 primary_base, windows, primary_ctrls;	/* of the current VMCS: vmx/primary.h */
	u32 pending_vectors[8];		/* external interrupts that wait for the guest, a bit each */
	bool window_asked;		/* the hypapp wants to know when it could take one */
	void *vmxon_region;
	u64 vmcs01;			/* its region */
	struct nested *nested;		/* nested/state.h */
	uptr rip;			/* of the guest, at this exit */
	u32 exit_tsc;			/* low half of the TSC at this exit */
	u64 root_ticks;			/* TSC ticks spent in root mode since the first entry */
	u32 init_ticks;			/* the longest handling of an INIT so far, in TSC ticks */
	u64 exits[EXIT_REASONS];
	u8 ring_at;			/* offset of the latest record; it wraps with the ring */
	struct exit_record ring[EXIT_RING];
	u64 gdt[5];
	u8 tss[104];
};
_Static_assert(sizeof(struct vcpu) <= CPU_BLOCK - CPU_AT, "a CPU's block is too small");
_Static_assert(sizeof(((struct vcpu *)0)->ring) == 256, "ring_at wraps with it");
_Static_assert(offsetof(struct vcpu, work) == NR_GPRS * sizeof(uptr), "VCPU_WORK in the stubs");

static inline struct vcpu *this_cpu(void)
{
	uptr block = (uptr)__builtin_frame_address(0) & ~(uptr)(CPU_BLOCK - 1);

	return (struct vcpu *)(block + CPU_AT);
}

static inline void work_set(struct vcpu *v, enum work bit) { __atomic_or_fetch(&v->work, bit, __ATOMIC_SEQ_CST); }
static inline void work_clear(struct vcpu *v, enum work bit) { __atomic_and_fetch(&v->work, ~(u32)bit, __ATOMIC_SEQ_CST); }

/* Before @v looks at its work for the last time: who sets a bit that it misses sees this, and kicks. So the store is a full barrier. */
static inline void urgent_set(struct vcpu *v, enum urgent bits) { __atomic_store_n(&v->urgent, bits, __ATOMIC_SEQ_CST); }

/* Ask for an exception with (or, with @error < 0, without) an error code at this entry. SDM 25.8.3. */
enum verdict inject(struct vcpu *v, enum vector vector, int error) MUST_CHECK;

#endif /* __ASSEMBLY__ */
#endif
