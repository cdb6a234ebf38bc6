/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's writes of CR0 and CR4 that exit for bits of ours alone: CD and NW are remembered, hidden features fault. */
#include "guest/exits.h"
#include "guest/state.h"
#include "nested/l2_exits.h"
#include "nested/vmcs02.h"
#include "vmx/exit_qualification.h"

/* In VMX operation, SDM 24.8; PE and PG are free for an unrestricted guest. */
static bool unfit(const struct vmcs12 *m, u64 cr0)
{
	u64 free = L2_CR0_OURS | (secondary_controls(m) & SECONDARY_UNRESTRICTED ? CR0_PE | CR0_PG : 0);

	return !bits_fit(cr0, nested_caps.msr[CAP_CR0_FIXED0] & ~free, nested_caps.msr[CAP_CR0_FIXED1] | free);
}

/* As the CPU would do it: bits that L1 owns keep their values. */
static enum verdict move_to_cr0(struct vcpu *v, u64 value)
{
	struct nested_vmcs *c = v->nested->current;
	u64 owned = c->m->CR0_MASK;
	uptr before = (uptr)vmcs_read(GUEST_CR0) | c->cd_nw;
	uptr now = (uptr)((before & owned) | (value & ~owned));

	if (unfit(c->m, now) || !guest_cr0_takes_effect(before, now))
		return inject(v, GP_FAULT, 0);
	c->cd_nw = now & L2_CR0_OURS;
	vmcs_write(CR0_SHADOW, (c->m->CR0_SHADOW & owned) | (c->cd_nw & ~owned));
	vmcs_write(GUEST_CR0, now & ~L2_CR0_OURS);
	if ((now ^ before) & (CR0_PG | CR0_WP | CR0_PE))
		state_flush_linear();
	return ADVANCE;
}

enum verdict l2_cr(struct vcpu *v)
{
	u64 qualification = vmcs_read(EXIT_QUALIFICATION);

	if (CR_QUAL_CR(qualification) != 0)
		return inject(v, GP_FAULT, 0);
	return move_to_cr0(v, guest_cr_operand(v, qualification));
}
