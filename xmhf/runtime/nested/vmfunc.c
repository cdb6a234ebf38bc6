/* SPDX-License-Identifier: BSD-2-Clause */
/* VMFUNC of L2: function 0 switches to another EPT pointer of L1's list (SDM 26.5.6.3). */
#include "guest/memory.h"
#include "memory/ept_entry.h"
#include "nested/ept12_walk.h"
#include "nested/l2_exits.h"
#include "nested/state.h"

#define EPTP_LIST_ENTRIES	512u

/* What is wrong exits, as the function would if it weren't enabled. */
static enum verdict exits(struct vcpu *v)
{
	return nested_reflect(v, EXIT_VMFUNC, vmcs_read(EXIT_QUALIFICATION));
}

enum verdict l2_vmfunc(struct vcpu *v)
{
	struct nested_vmcs *c = v->nested->current;
	u32 index = (u32)v->regs.rcx;
	u64 eptp;

	if (index >= EPTP_LIST_ENTRIES ||
	    !guest_read_physical((gpa1_t){ c->m->EPTP_LIST_ADDR + index * sizeof(eptp) }, &eptp, sizeof(eptp)) ||
	    ept12_pointer_fault(&nested_ept12_rules, eptp))
		return exits(v);
	if (eptp != c->eptp12) {
		nested_ept_put(c);
		nested_use_eptp12(c, eptp);
	}
	c->m->EPTP = eptp;
	if (caps_allow(&nested_caps, CAP_SECONDARY, SECONDARY_EPT_VE))
		c->m->EPTP_INDEX = (u16)index;
	return ADVANCE;
}
