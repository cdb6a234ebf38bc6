/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine check that finds us running for L2 comes just after the entry, while what that injects is on its way: L1's, if
 * its exception bitmap says so (SDM 26.2).
 */
#include "nested/l1_wants.h"
#include "nested/state.h"

/* What the entry injects, as IDT-vectoring information has it; a pending MTF exit isn't an event there. */
static u32 on_its_way(void)
{
	u32 event = vmcs_read32(ENTRY_INTR_INFO);

	return event & INTR_VALID && INTR_TYPE(event) != INTR_OTHER ? event : 0;
}

bool nested_takes_machine_check(struct vcpu *v)
{
	struct nested *n = v->nested;

	if (!l1_wants_vector(n->current->m, MC_ABORT, 0))
		return false;
	n->exit = (struct l2_exit){ .reason = EXIT_EXCEPTION_NMI, .made_up = true,
				    .intr_info = INTR_VALID | INTR_HARDWARE << 8 | MC_ABORT,
				    .vectoring = on_its_way(), .vectoring_error = vmcs_read32(ENTRY_ERROR_CODE),
				    .instr_len = vmcs_read32(ENTRY_INSTR_LEN) };
	nested_leave(v);
	return true;
}
