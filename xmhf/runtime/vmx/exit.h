/* SPDX-License-Identifier: BSD-2-Clause */
/* From a VM exit to the next entry: look the reason up, ask its handler, act on the verdict. */
#ifndef VMX_EXIT_H
#define VMX_EXIT_H

#include "vmx/vcpu.h"

/* "CPUID" for 10; "?" for what we have no handler for. @reason may have the entry-failure bit. */
const char *exit_name(u32 reason);

/* RIP goes past the instruction, with the debug trap and the end of blocking that brings (SDM 7.8.3, 26.4). */
void exit_advance(struct vcpu *v);
void exit_succeed(struct vcpu *v);		/* for SUCCEED */

/* The event of v->event_info at the next entry, into whatever the current VMCS runs; a #PF's address goes to CR2. */
void exit_inject(const struct vcpu *v);

/* Notes an exit of the guest at @rip in the ring, and in v->rip. */
static inline void exit_record(struct vcpu *v, u32 reason, uptr rip)
{
	struct exit_record *record;

	cost(XMHF_COST_EXIT);
	v->ring_at += sizeof(*record);
	record = (struct exit_record *)((u8 *)v->ring + v->ring_at);
	record->reason = reason;
	record->rip = v->rip = rip;
}

/* Called by the stubs. */
void vm_exit(struct vcpu *v);
void vm_work(struct vcpu *v);
void nested_vm_exit(struct vcpu *v);
bool vm_resume_refused(struct vcpu *v);		/* should VMLAUNCH be tried? */
void vm_entry_refused(struct vcpu *v);

/* The stubs themselves. */
extern const u8 vm_enter_begin[], vm_enter_end[], vm_enter_again[];
void vm_exit_stub(void);
void vm_exit_stub_l2(void);
NORETURN void vm_enter_first(struct vcpu *v);

/* At the end of a handler in root mode that set v->work: *@rip, between the last look at that and the entry, goes back to it. */
static inline void vm_enter_restart(uptr *rip)
{
	if (*rip >= (uptr)vm_enter_begin && *rip < (uptr)vm_enter_end)
		*rip = (uptr)vm_enter_again;
}

#endif
