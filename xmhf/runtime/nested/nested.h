/* SPDX-License-Identifier: BSD-2-Clause */
/* VMX for L1, as the rest of the runtime sees it: the handlers of L1's exits, L2's exits, and a few questions. */
#ifndef NESTED_NESTED_H
#define NESTED_NESTED_H

#include "nested/caps.h"
#include "vmx/vcpu.h"

/* What L1 is offered, and the tables made of it; once, after vmx_learn_capabilities. */
void nested_init(void);

/* The memory of EPT02; after nested_init. */
void nested_ept_init(void);

/* A CPU's share, before it first runs L1. False: no memory. */
MUST_CHECK bool nested_cpu_init(struct vcpu *v);

/* The pages that all CPUs share; on the BSP, after nested_init and when there is a pool. */
void nested_shadowing_init(void);

/* After policy_init. */
void host_msrs_init(void);

/* On the CPU itself, with VMCS01 current and set up. */
void nested_cpu_setup(struct vcpu *v);

extern struct vmx_caps_offered nested_caps;	/* all zero: L1 is offered no VMX */

/* Is L1 in VMX operation (after VMXON, before VMXOFF)? */
bool nested_is_on(const struct vcpu *v);

/* L1's exits by VMX instructions. instructions.c, field_access.c, invalidate.c, enter.c */
enum verdict nested_vmxon(struct vcpu *v);
enum verdict nested_vmxoff(struct vcpu *v);
enum verdict nested_vmclear(struct vcpu *v);
enum verdict nested_vmptrld(struct vcpu *v);
enum verdict nested_vmptrst(struct vcpu *v);
enum verdict nested_vmread(struct vcpu *v);
enum verdict nested_vmwrite(struct vcpu *v);
enum verdict nested_invept(struct vcpu *v);
enum verdict nested_invvpid(struct vcpu *v);
enum verdict nested_vmlaunch(struct vcpu *v);
enum verdict nested_vmresume(struct vcpu *v);

/* WRMSR while L1 is in VMX operation: some MSRs exit then that don't else. False: #GP(0). */
MUST_CHECK bool nested_msr_write(struct vcpu *v, u32 msr, u64 value);

/* An L1-physical VMCALL in VMX root operation: VMfail 1, as without dual-monitor treatment. */
enum verdict nested_vmcall(struct vcpu *v);

/* After work that may have changed what L2 runs on. */
void nested_enter_again(struct vcpu *v);

/* VMLAUNCH or VMRESUME of VMCS02 failed in the CPU: L1 sees the failure of its own. True if L2 was to be entered. */
bool nested_entry_refused(struct vcpu *v, u32 error);

/*
 * While L2 runs: L2-physical to L1-physical, for an access of L2's by enum ept_rights, marked in EPT12 as a CPU does; 0:
 * for one to its paging structures. False: EPT12 doesn't allow it.
 */
MUST_CHECK bool nested_translate(struct vcpu *v, u64 *at, u32 rights);

/* The same without marks, whatever the rights: @place says which, and the size of EPT12's page. False: nothing is mapped. */
struct nested_place { gpa1_t at; u64 size; u32 rights; };
MUST_CHECK bool nested_look(struct vcpu *v, gpa2_t at, struct nested_place *place);

/*
 * WORK_L2_POLICY: our bitmaps changed, and VMCS02 may hold what was made of them.
 */
void nested_follow_policy(struct vcpu *v);

/* Whether we take external interrupts changed, v->pin_ctrls says it. VMCS01 is current, VMCS02 after if L2 runs. */
void nested_follow_interrupts(struct vcpu *v);

/* A machine check while L2 runs, with its CR4.MCE set. True: L1 was told by an exit. */
bool nested_takes_machine_check(struct vcpu *v);

/*
 * What becomes of an instruction of L2 that we do, whose access to @linear came to GUEST_FORBIDDEN: the exit to L1, or the
 * #VE, that EPT12 makes of it. RESUME: EPT12 had allowed it.
 */
MUST_CHECK enum verdict nested_refusal(struct vcpu *v, u64 linear);

/* While L2 runs: does its fault exit to L1? That is asked before a fault on the way to another's handler becomes #DF (26.2). */
bool nested_wants_fault(const struct vcpu *v, enum vector vector, u32 error);

/* INIT while L1 is in VMX operation: held back, or an exit of L2. False: L1 isn't. */
bool nested_takes_init(struct vcpu *v);

#endif
