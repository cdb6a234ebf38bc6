/* SPDX-License-Identifier: BSD-2-Clause */
/* Turning VMX on and filling what of VMCS01 never changes: controls and host state. */
#ifndef VMX_SETUP_H
#define VMX_SETUP_H

#include "vmx/vcpu.h"

#define VPID_L1		1

/* What this CPU's VMX can do, and what we use of it; the same on all CPUs. */
struct vmx_caps {
	u64 basic, misc, ept_vpid;
	u32 pin, primary, secondary, exit, entry;	/* our controls for VMCS01 */
	bool timer;						/* the preemption timer can be had */
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
};

extern struct vmx_caps vmx_caps;

void vmx_learn_capabilities(void);
void vmx_print_capabilities(void);

/* VMXON on this CPU. */
void vmx_enable(struct vcpu *v);

/* The host state of the current VMCS, whose exits go to @exit_stub. */
void vmx_write_host_state(struct vcpu *v, void (*exit_stub)(void));

/* Makes VMCS01 current and fills controls and host state. */
void vmx_setup(struct vcpu *v);

/*
 * The controls that we want, as near as @cap (a capability MSR: allowed-0 in its low half,
 * allowed-1 in its high half, SDM A.3) allows.
 */
static inline u32 vmx_fit(u32 want, u64 cap) { return (want | (u32)cap) & (u32)(cap >> 32); }

#endif
