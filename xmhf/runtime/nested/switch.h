/* SPDX-License-Identifier: BSD-2-Clause */
/* From VMCS01 to VMCS02 and back; what either has stays as it is, but for windows that the new one doesn't wait for yet. */
#ifndef NESTED_SWITCH_H
#define NESTED_SWITCH_H

#include "nested/state.h"
#include "vmx/primary.h"
#include "vmx/setup.h"

static inline void nested_switch_to_l2(struct vcpu *v, struct nested *n, const struct nested_vmcs *c)
{
	n->primary01 = v->primary_ctrls;
	vmcs_use(&c->vmcs02);
	v->in_l2 = true;
	primary_switch(v, c->primary02);
}

static inline void nested_switch_to_l1(struct vcpu *v, struct nested *n, struct nested_vmcs *c)
{
	c->primary02 = v->primary_ctrls;
	n->nmi_blocked = false;
	vmcs_use(&v->vmcs01);
	v->in_l2 = false;
	urgent_set(v, URGENT_IN_L1);
	primary_switch(v, n->primary01);
	v->primary_base = vmx_caps.primary;
	primary_apply(v);
}

#endif
