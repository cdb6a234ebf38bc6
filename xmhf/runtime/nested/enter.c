/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMLAUNCH and VMRESUME of L1: checks in the SDM's order (27.1 to 27.4), then VMCS02 and into L2. Guest-state rules are
 * the CPU's to check where VMCS02 has L1's values; a failure it reports is L1's.
 */
#include "hypapp/hypapp.h"
#include "machine/cpu_insn.h"
#include "nested/facts.h"
#include "nested/bitmaps.h"
#include "nested/ept02_table.h"
#include "nested/host_state.h"
#include "nested/vmcs02.h"
#include "vmx/exit.h"
#include "vmx/primary.h"

/* Which hot fields the checks of controls look at. */
#define CHECKED_EVENT	(HOT(ENTRY_INTR_INFO) | HOT(ENTRY_ERROR_CODE) | HOT(ENTRY_INSTR_LEN))
#define CHECKED_CONTROLS (HOT(PRIMARY_CTRLS) | HOT(TPR_THRESHOLD))
/* And those of guest state where VMCS02 hasn't L1's value, or the CPU can more than L1 is offered. */
#define CHECKED_GUEST	(HOT(GUEST_CR0) | HOT(GUEST_CR3) | HOT(GUEST_CR4))

static bool must_check(const struct nested_vmcs *c, u32 groups, u64 hot)
{
	return c->dirty & groups || c->changed & hot;
}

/* The rule of VMfail 7 or 8, or 0. */
static enum vmfail controls_or_host_fail(struct nested_vmcs *c, const struct entry_facts *f)
{
	bool new_mode = c->from_long_mode != f->long_mode_active;

	if (new_mode || must_check(c, GROUP_BIT(GROUP_CONTROL), CHECKED_CONTROLS)) {
		if (check_controls(c->m, &nested_caps, f))
			return VMFAIL_CONTROLS;
	} else if (must_check(c, 0, CHECKED_EVENT) && check_entry_event(c->m, &nested_caps)) {
		return VMFAIL_CONTROLS;
	}
	if (new_mode || must_check(c, GROUP_BIT(GROUP_HOST) | GROUP_BIT(GROUP_CONTROL), 0))
		if (check_host(c->m, &nested_caps, f))
			return VMFAIL_HOST_STATE;
	c->from_long_mode = f->long_mode_active;
	return 0;
}

/*
 * Guest state: all of it before L1's MSRs are loaded, which can't be taken back; else what the CPU won't do as well.
 * An L1 without EPT has its PDPTEs in memory.
 */
static struct guest_check guest_fails(struct vcpu *v, struct nested_vmcs *c, const struct entry_facts *f)
{
	struct vmcs12 *m = c->m;
	struct guest_check result = { NULL, ENTRY_FAILURE_OTHER };

	if (m->ENTRY_MSR_LOAD_COUNT) {
		nested_fetch(v, c, GROUPS_RARE_GUEST);
		return check_guest(m, &nested_caps, f);
	}
	if (must_check(c, GROUP_BIT(GROUP_GUEST) | GROUP_BIT(GROUP_CONTROL), CHECKED_GUEST)) {
		nested_fetch(v, c, GROUPS_RARE_GUEST);
		result.rule = check_guest_control_registers(m, &nested_caps, f);
	}
	if (!result.rule && m->VMCS_LINK_POINTER != ~0ull)
		result = (struct guest_check){ check_guest_link(m, &nested_caps, f), ENTRY_FAILURE_LINK };
	if (!result.rule && !(secondary_controls(m) & SECONDARY_EPT))
		result = (struct guest_check){ check_guest_pdptes(m, f), ENTRY_FAILURE_PDPTE };
	if (!result.rule)
		return result;
	nested_fetch(v, c, GROUPS_RARE_GUEST);		/* it fails: which rule comes first? */
	return check_guest(m, &nested_caps, f);
}

/*
 * Do the checks find the same as at the last entry? An L1 without EPT has its PDPTEs in memory, and what the CPU would have
 * to undo after L1's MSRs are loaded isn't left to it.
 */
static bool nothing_to_check(const struct nested_vmcs *c, const struct l1_state *l1)
{
	const struct vmcs12 *m = c->m;

	return !must_check(c, GROUPS_ALL, CHECKED_EVENT | CHECKED_CONTROLS | CHECKED_GUEST) &&
	       c->from_long_mode == !!(l1->efer & EFER_LMA) && !m->ENTRY_MSR_LOAD_COUNT && m->VMCS_LINK_POINTER == ~0ull &&
	       secondary_controls(m) & SECONDARY_EPT;
}

/* What L1 has, and what it wrote; with VMCS01 current, if there is no shadow VMCS afterwards too. */
static void read_from_l1(struct vcpu *v, struct nested_vmcs *c, struct l1_state *l1)
{
	l1_state_read(v, c->m, l1);
	v->nested->efer01 = l1->efer;
	v->nested->perf01 = v->perf_global_ctrl;
	if (nested_shadowing) {
		vmcs_use(c->shadow);
		c->changed |= shadow_take(c);
	}
	if ((c->m->PRIMARY_CTRLS ^ c->primary12) & ~(u32)PRIMARY_WINDOWS)
		c->dirty |= GROUP_BIT(GROUP_CONTROL);	/* other fields mean something else now */
}

/* From VMCS01 to VMCS02. */
static void switch_to_l2(struct vcpu *v, struct nested_vmcs *c)
{
	struct nested *n = v->nested;

	n->primary01 = v->primary_ctrls;
	vmcs_use(c->vmcs02);
	v->in_l2 = true;
	if (!c->initialised)
		vmcs02_init(v, c);
	primary_switch(v, c->primary02);
}

/* VMCS02 has the pointer for c->eptp12, and this CPU has flushed what isn't there any more. */
static bool nested_ept_is_ready(const struct nested *n, const struct nested_vmcs *c)
{
	return c->ept02 && c->eptp12 == c->eptp12_ready && secondary_controls(c->m) & SECONDARY_EPT &&
	       n->ept.seen[c->seen_at].root == c->ept02 && n->ept.seen[c->seen_at].generation == c->ept02->generation;
}

static __attribute__((noinline)) void set_eptp(struct vcpu *v, struct nested_vmcs *c)
{
	u64 eptp = nested_ept_pointer(v, c);

	if (eptp != c->eptp02)
		vmcs_write(EPTP, c->eptp02 = eptp);
	c->eptp12_ready = c->ept02 && eptp ? c->eptp12 : 0;
}

void nested_ready(struct vcpu *v)
{
	struct nested_vmcs *c = v->nested->current;

	if (!nested_ept_is_ready(v->nested, c))
		set_eptp(v, c);
	if (c->pages_seen != nested_pages_generation())
		vmcs02_write_pages(c);
	else
		bitmaps_refresh(c);
}

/* The exit that a failed entry is: with VMCS02 current. */
static enum verdict fail_entry(struct vcpu *v, enum exit_reason reason, u64 qualification)
{
	v->nested->exit = (struct l2_exit){ .reason = reason | EXIT_REASON_ENTRY_FAILED, .untold = true,
					    .qualification = qualification };
	nested_leave(v);
	return RESUME;
}

/* NMI exiting without virtual NMIs: IRET in L2 doesn't end what the entry began (SDM 26.3). */
static bool nmis_stay_blocked(const struct vmcs12 *m)
{
	bool injects = m->ENTRY_INTR_INFO & INTR_VALID && INTR_TYPE(m->ENTRY_INTR_INFO) == INTR_NMI;

	return (m->PIN_CTRLS & (PIN_NMI | PIN_VIRTUAL_NMIS)) == PIN_NMI &&
	       (m->GUEST_INTERRUPTIBILITY & BLOCKING_NMI || injects);
}

/* All that has to be checked, in order; with VMCS01 current afterwards. */
static __attribute__((noinline)) enum vmfail check(struct vcpu *v, struct nested_vmcs *c, struct guest_check *guest)
{
	struct entry_facts facts;
	enum vmfail fail;

	vmcs_use(v->vmcs01);
	facts_now(&facts, c->at);
	fail = controls_or_host_fail(c, &facts);
	if (fail)
		return fail;
	if (c->dirty & (GROUP_BIT(GROUP_HOST) | GROUP_BIT(GROUP_CONTROL)))
		host_state_make(c);
	*guest = guest_fails(v, c, &facts);
	return 0;
}

static enum verdict enter(struct vcpu *v, struct nested_vmcs *c)
{
	struct vmcs12 *m = c->m;
	struct guest_check guest = { NULL, ENTRY_FAILURE_OTHER };
	struct l1_state l1;
	u32 failed;

	read_from_l1(v, c, &l1);
	if (!nothing_to_check(c, &l1)) {
		enum vmfail fail = check(v, c, &guest);

		if (fail)
			return nested_fail(v, fail);
	}
	switch_to_l2(v, c);
	if (guest.rule)
		return fail_entry(v, EXIT_BAD_GUEST_STATE, guest.qualification);
	c->eptp12 = m->EPTP;
	v->nested->nmi_blocked = nmis_stay_blocked(m);
	vmcs02_build(v, c, &l1);
	if (!(secondary_controls(m) & SECONDARY_VPID))
		nested_vpid_transition(true);
	failed = m->ENTRY_MSR_LOAD_COUNT ? msr_area_load(m->ENTRY_MSR_LOAD_ADDR, m->ENTRY_MSR_LOAD_COUNT) : 0;
	if (failed)
		return fail_entry(v, EXIT_BAD_MSR_LOAD, failed);
	if (xmhf_hypapp.nested_entry && !nested_hypapp_enters(v))
		return fail_entry(v, EXIT_BAD_GUEST_STATE, ENTRY_FAILURE_OTHER);
	nested_events_begin(v);
	if (c->fault_want)
		nested_ept_ahead(v, c);
	nested_ready(v);
	return RESUME;
}

static enum verdict launch(struct vcpu *v, bool resumes)
{
	enum verdict refusal = nested_refuses(v);
	struct nested_vmcs *c = v->nested->current;

	if (refusal != RESUME)
		return refusal;
	if (c == NULL || c->m->revision & VMCS12_SHADOW)
		return nested_fail_invalid();
	v->nested->blocking01 = vmcs_read32(GUEST_INTERRUPTIBILITY);
	if (v->nested->blocking01 & BLOCKING_MOV_SS)
		return nested_fail(v, VMFAIL_MOV_SS);
	if (resumes && !c->m->launched)
		return nested_fail(v, VMFAIL_VMRESUME_NOT_LAUNCHED);
	if (!resumes && c->m->launched)
		return nested_fail(v, VMFAIL_VMLAUNCH_NOT_CLEAR);
	return enter(v, c);
}

enum verdict nested_vmlaunch(struct vcpu *v) { return launch(v, false); }
enum verdict nested_vmresume(struct vcpu *v) { return launch(v, true); }

void nested_enter_again(struct vcpu *v)
{
	if (v->in_l2)
		nested_ready(v);
}

bool nested_entry_refused(struct vcpu *v, u32 error)
{
	struct nested *n = v->nested;

	if (!v->in_l2)
		return false;
	if (xmhf_hypapp.nested_exit)
		nested_hypapp_refused(v);
	vmcs_write(ENTRY_INTR_INFO, 0);
	nested_events_end(v);
	nested_back_to_l1(v);
	n->current->dirty = GROUPS_ALL;
	n->current->changed = HOT_ALL;
	(void)nested_fail(v, (enum vmfail)error);
	v->rip = vmcs_read(GUEST_RIP);
	exit_advance(v);
	return true;
}
