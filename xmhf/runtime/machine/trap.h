/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions in root mode: expected ones (fixups), NMIs, and those that are bugs.
 */
#ifndef MACHINE_TRAP_H
#define MACHINE_TRAP_H

#define TRAP_STUB_SIZE	16
#define COMMA		,

#ifndef __ASSEMBLY__

#include "machine/cost.h"
#include "vmx/vcpu.h"

/* As the stubs push it. On i386 RSP and SS aren't there: no privilege change. */
struct trap_frame {
	union gprs regs;
	uptr vector, error_code;
	uptr rip, cs, rflags;
};

void trap_handle(struct trap_frame *frame);

/* Fills the IDT that all CPUs share. */
void trap_init(void);

/* Loads GDT, TSS and IDT of the CPU that owns @v; call it on that CPU. */
void trap_load(struct vcpu *v);

/* The IDT, for HOST_IDTR_BASE. */
const void *trap_idt(void);

/* An IRET ends the blocking by NMI that an exit because of one leaves behind (SDM 28.1). */
void nmi_unblock(void);

/* An instruction that may fault: *@bad stays true if it did. */
#define TRY(instruction, bad, outputs, ...)				\
	__asm__ volatile("movb $1, %[fault]\n"				\
			 "1:	" instruction "\n"			\
			 "	movb $0, %[fault]\n"			\
			 "2:\n"						\
			 ".pushsection .fixups, \"a\"\n"			\
			 ".long 1b - ., 2b - .\n"			\
			 ".popsection"					\
			 : [fault] "=&m"(bad), outputs : __VA_ARGS__ : "memory")

/* RDMSR, WRMSR, XSETBV that report #GP as false. */
static inline MUST_CHECK bool rdmsr_safe(u32 msr, u64 *value)
{
	u32 lo, hi;
	u8 bad;

	cost(XMHF_COST_MSR);
	TRY("rdmsr", bad, "=a"(lo) COMMA "=d"(hi), "c"(msr), "a"(0), "d"(0));
	*value = (u64)hi << 32 | lo;
	return !bad;
}

static inline MUST_CHECK bool wrmsr_safe(u32 msr, u64 value)
{
	u32 lo = (u32)value;
	u8 bad;

	cost(XMHF_COST_MSR);
	TRY("wrmsr", bad, "+a"(lo), "c"(msr), "d"((u32)(value >> 32)));
	return !bad;
}

static inline MUST_CHECK bool xsetbv_safe(u32 index, u64 value)
{
	u32 lo = (u32)value;
	u8 bad;

	TRY("xsetbv", bad, "+a"(lo), "c"(index), "d"((u32)(value >> 32)));
	return !bad;
}

#endif /* __ASSEMBLY__ */
#endif
