/* SPDX-License-Identifier: BSD-2-Clause */
/* From L2 to L1: VMCS12 gets what a VM exit writes (SDM 28.2 to 28.4), L1 goes on at its host state (28.5, 28.6). */
#include "guest/memory.h"
#include "hypapp/hypapp.h"
#include "machine/log.h"
#include "nested/host_state.h"
#include "vmx/primary.h"
#include "vmx/setup.h"

/* VMX-abort indicators, SDM 28.7. */
enum { ABORT_STORE_MSR = 1, ABORT_PDPTES = 2, ABORT_LOAD_MSR = 4 };

void nested_back_to_l1(struct vcpu *v)
{
	struct nested *n = v->nested;

	n->current->primary02 = v->primary_ctrls;
	primary_switch(v, n->primary01);
	vmcs_use(v->vmcs01);
	v->in_l2 = false;
	v->primary_base = vmx_caps.primary;
	primary_apply(v);
}

/*
 * Nothing but a reset of the machine ends the shutdown of a VMX abort, so this CPU stays here, where INIT and SIPI don't
 * reach it: the shutdown activity state, which not every CPU has, would end by an NMI.
 */
static NORETURN void vmx_abort(const struct vcpu *v, const struct nested_vmcs *c, u32 indicator)
{
	u64 at = c->at + offsetof(struct vmcs12, abort);

	log_warn("CPU %u: VMX abort %u of the guest's hypervisor: the CPU stops", v->index, indicator);
	if (!guest_write_physical((gpa1_t){ at }, &indicator, sizeof(indicator)))
		log_debug("CPU %u: no memory for the indicator at 0x%llx", v->index, at);
	cpu_halt_forever();
}

/* Blocking by NMI in L1 after the exit (28.5.5, and 26.3 for what the entry did to it); as it was if there was no entry. */
static u32 blocking_after(const struct nested *n, const struct vmcs12 *m)
{
	bool by_nmi = n->exit.reason == EXIT_EXCEPTION_NMI && INTR_TYPE(m->EXIT_INTR_INFO) == INTR_NMI &&
		      m->EXIT_INTR_INFO & INTR_VALID;

	if (n->exit.reason & EXIT_REASON_ENTRY_FAILED)
		return vmcs_read32(GUEST_INTERRUPTIBILITY) & BLOCKING_NMI;
	if (by_nmi)
		return BLOCKING_NMI;
	return m->PIN_CTRLS & PIN_VIRTUAL_NMIS ? 0 : m->GUEST_INTERRUPTIBILITY & BLOCKING_NMI;
}

static u64 save(const struct vcpu *v, struct nested *n, struct nested_vmcs *c)
{
	u64 changed = vmcs02_save(v, c, &n->exit);

	if (n->exit.reason & EXIT_REASON_ENTRY_FAILED)
		return changed;			/* the guest's fields stay, and nmi_blocked may be of the L2 before */
	if (n->nmi_blocked && !(c->m->GUEST_INTERRUPTIBILITY & BLOCKING_NMI)) {
		c->m->GUEST_INTERRUPTIBILITY |= BLOCKING_NMI;
		changed |= HOT(GUEST_INTERRUPTIBILITY);
	}
	return secondary_controls(c->m) & SECONDARY_PML ? changed | HOT(GUEST_PML_INDEX) : changed;	/* ept_event.c moves it */
}

/* What can end in a VMX abort, L1's MSR-load area last: which, or 0. */
static u32 abort_of(const struct vmcs12 *m, u32 stored, bool pdptes_valid)
{
	if (stored)
		return ABORT_STORE_MSR;
	if (!pdptes_valid)
		return ABORT_PDPTES;
	if (m->EXIT_MSR_LOAD_COUNT && msr_area_load(m->EXIT_MSR_LOAD_ADDR, m->EXIT_MSR_LOAD_COUNT))
		return ABORT_LOAD_MSR;
	return 0;
}

void nested_leave(struct vcpu *v)
{
	struct nested *n = v->nested;
	struct nested_vmcs *c = n->current;
	struct vmcs12 *m = c->m;
	bool failed = n->exit.reason & EXIT_REASON_ENTRY_FAILED;
	bool loaded = n->exit.reason != (EXIT_BAD_GUEST_STATE | EXIT_REASON_ENTRY_FAILED);
	u32 stored = 0, aborts, blocking;
	bool pdptes_valid;
	struct l2_state l2;
	u64 changed;

	if (xmhf_hypapp.nested_exit && !n->exit.untold && nested_hypapp_keeps(v))
		return;
	nested_events_end(v);
	changed = save(v, n, c);
	if (!loaded)
		c->changed |= HOT(GUEST_INTERRUPTIBILITY);	/* an NMI to be injected made another of it */
	if (loaded) {
		l2_state_read(c, &l2);
		c->perf02 = v->perf_global_ctrl;	/* L2 may have written it */
	}
	if (!failed) {
		m->launched = 1;
		if (m->EXIT_MSR_STORE_COUNT)
			stored = msr_area_store(m->EXIT_MSR_STORE_ADDR, m->EXIT_MSR_STORE_COUNT);
	}
	if (failed || n->exit.made_up)
		vmcs_write(ENTRY_INTR_INFO, 0);		/* exits of L2's do that (28.3.4) */
	if (nested_shadowing && changed) {
		vmcs_use(c->shadow);
		shadow_give(c, changed);
	}
	if (!(secondary_controls(m) & SECONDARY_VPID))
		nested_vpid_transition(false);
	if ((u16)n->exit.reason < EXIT_REASONS)
		n->exits_reflected[(u16)n->exit.reason]++;
	nested_back_to_l1(v);
	if (!loaded)
		l1_state_keep(v, c, &l2);
	pdptes_valid = host_state_load(v, c, &l2);
	blocking = blocking_after(n, m);
	if (blocking != n->blocking01)
		vmcs_write(GUEST_INTERRUPTIBILITY, blocking);
	aborts = abort_of(m, stored, pdptes_valid);
	if (aborts)
		vmx_abort(v, c, aborts);
}
