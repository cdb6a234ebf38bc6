/* SPDX-License-Identifier: BSD-2-Clause */
/* From L2 back to L1: VMCS01 gets the state that VMCS12's host area gives (SDM 28.5). */
#ifndef NESTED_HOST_STATE_H
#define NESTED_HOST_STATE_H

#include "nested/vmcs02.h"

/* What the CPU had as L2 left it and L1 goes on with, unless the exit controls load another. */
struct l2_state {
	u64 pat, efer, perf_global_ctrl, lbr_ctl;
	uptr cd_nw;
};

/* With VMCS02 current. */
void l2_state_read(const struct nested_vmcs *c, struct l2_state *l2);

/* The same after an entry that failed on the guest's state, with VMCS01 current: nothing of L2 has been loaded. */
void l1_state_keep(const struct nested_vmcs *c, struct l2_state *l2);

/* With VMCS01 current. False: the PDPTEs of L1 are invalid, a VMX abort. */
MUST_CHECK bool host_state_load(const struct vmcs12 *m, const struct l2_state *l2);

#endif
