/* SPDX-License-Identifier: BSD-2-Clause */
/* The handlers of L1's exits, and what several of them need. */
#ifndef GUEST_EXITS_H
#define GUEST_EXITS_H

#include "vmx/vcpu.h"

enum verdict guest_cpuid(struct vcpu *v);		/* cpuid.c */
enum verdict guest_rdmsr(struct vcpu *v);		/* msr.c */
enum verdict guest_wrmsr(struct vcpu *v);
bool guest_msr_read(u32 msr, u64 *value);		/* false: #GP(0) */
bool guest_msr_write(u32 msr, u64 value);
u64 guest_efer_bits(void);				/* those that the guest's IA32_EFER has; after policy_init */
enum verdict guest_cr(struct vcpu *v);			/* cr.c */
uptr guest_cr_operand(const struct vcpu *v, u64 qualification);	/* the register that a MOV to or from a CR names */
bool guest_cr0_takes_effect(uptr before, uptr value);	/* all that a write of CR0 does but the write; false: #GP(0) */
enum verdict guest_xsetbv(struct vcpu *v);		/* misc.c */
enum verdict guest_invd(struct vcpu *v);
enum verdict guest_undefined(struct vcpu *v);
enum verdict guest_triple_fault(struct vcpu *v);
enum verdict guest_init(struct vcpu *v);		/* init_sipi.c */
enum verdict guest_sipi(struct vcpu *v);
enum verdict guest_timer(struct vcpu *v);
enum verdict guest_task_switch(struct vcpu *v);		/* task_exit.c */
enum verdict guest_io(struct vcpu *v);			/* io.c */
enum verdict guest_ept_violation(struct vcpu *v);	/* ept_violation.c */
enum verdict guest_ept_violation_at(struct vcpu *v, u64 at, u32 qualification);	/* with the L1-physical address, whoever runs */
enum verdict guest_vmcall(struct vcpu *v);		/* hypercall.c */

/* EDX:EAX as MSR instructions use them, and RDMSR's way of setting both. */
static inline u64 guest_edx_eax(const struct vcpu *v) { return (u64)(u32)v->regs.rdx << 32 | (u32)v->regs.rax; }

static inline void guest_set_edx_eax(struct vcpu *v, u64 value)
{
	v->regs.rax = (u32)value;
	v->regs.rdx = (u32)(value >> 32);
}

/* The violation is seen to: redoes what the exit interrupted, event delivery or an IRET that had unblocked NMIs (SDM 28.2.3). */
enum verdict guest_retry(u32 qualification);

/* How often the guest wrote to or executed our range. */
u32 guest_touches(void);

/* An exit that interrupted the delivery of an event: delivers it again (SDM 25.9.3, 27.x "re-injection"). */
void guest_redeliver(void);

#endif
