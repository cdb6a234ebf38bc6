/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The primary controls of the current VMCS: what it runs with always, and the windows that we wait for just now.
 * v->primary_ctrls is what the VMCS has.
 */
#ifndef VMX_PRIMARY_H
#define VMX_PRIMARY_H

#include "vmx/vcpu.h"

#define PRIMARY_WINDOWS	(PRIMARY_INTR_WINDOW | PRIMARY_NMI_WINDOW)

static inline void primary_apply(struct vcpu *v)
{
	u32 ctrls = v->primary_base | v->windows;

	if (ctrls != v->primary_ctrls)
		vmcs_write(PRIMARY_CTRLS, v->primary_ctrls = ctrls);
}

static inline void primary_window(struct vcpu *v, u32 bits, bool wanted)
{
	v->windows = wanted ? v->windows | bits : v->windows & ~bits;
	primary_apply(v);
}

/* From the VMCS that was current to another, which has @ctrls: what had a window open is offered anew. */
static inline void primary_switch(struct vcpu *v, u32 ctrls)
{
	if (v->windows) {
		if (v->windows & PRIMARY_NMI_WINDOW)
			work_set(v, WORK_GUEST_NMI);
		if (v->windows & ~(u32)PRIMARY_NMI_WINDOW)
			work_set(v, WORK_INTERRUPT);
		v->windows = 0;
	}
	v->primary_ctrls = ctrls;
}

#endif
