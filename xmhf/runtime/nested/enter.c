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
#include "nested/switch.h"
#include "nested/vmcs02.h"
#include "nested/wide.h"
#include "vmx/exit.h"

/*
 * Which hot fields the checks look at: of controls, but for the event, which is checked whenever there may be a rule; and of
 * guest state.
 */
#define CHECKED_CONTROLS (HOT(PRIMARY_CTRLS) | HOT(TPR_THRESHOLD))
#define CHECKED_GUEST	HOT(GUEST_CR3)

static bool must_check(const struct nested_vmcs *c, u32 groups, u32 hot)
{
	return c->dirty & groups || c->changed & hot;
}

static bool injects(const struct nested_vmcs *c) { return c->m->ENTRY_INTR_INFO & INTR_VALID; }

/* The rule of VMfail 7 or 8, or 0. */
static enum vmfail controls_or_host_fail(struct nested_vmcs *c, const struct entry_facts *f)
{
	if (must_check(c, GROUP_BIT(GROUP_CONTROL), CHECKED_CONTROLS)) {
		if (check_controls(c->m, &nested_caps, f))
			return VMFAIL_CONTROLS;
	} else if (check_entry_event(c->m, &nested_caps)) {
		return VMFAIL_CONTROLS;
	}
	if (must_check(c, GROUP_BIT(GROUP_HOST) | GROUP_BIT(GROUP_CONTROL), 0) && check_host(c->m, &nested_caps, f))
		return VMFAIL_HOST_STATE;
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
	if (!result.rule && !(secondary_controls(m) & SECONDARY_EPT) && !(m->ENTRY_CTRLS & ENTRY_IA32E)) {
		nested_fetch(v, c, GROUP_BIT(GROUP_GUEST));
		result = (struct guest_check){ check_guest_pdptes(m, f), ENTRY_FAILURE_PDPTE };
	}
	if (!result.rule)
		return result;
	nested_fetch(v, c, GROUPS_RARE_GUEST);		/* it fails: which rule comes first? */
	return check_guest(m, &nested_caps, f);
}

/* Interrupt-window exiting, which no rule looks at and every CPU has, since the controls were checked? */
static bool only_window_moved(const struct nested_vmcs *c)
{
	return !((c->m->PRIMARY_CTRLS ^ c->primary12) & ~(u32)PRIMARY_INTR_WINDOW);
}

/*
 * Does the entry take no more than hot fields that no check looks at? L1 is in the mode in which all was checked: in VMX
 * operation it can't leave it.
 */
static inline bool follows_only(const struct nested_vmcs *c)
{
	u32 checked = c->changed & (CHECKED_CONTROLS | CHECKED_GUEST);

	if (c->dirty | c->each_entry)
		return false;
	return !checked || (checked == HOT(PRIMARY_CTRLS) && only_window_moved(c));
}

static const u64 no_generation = ~0ull;		/* none comes as far */

void nested_use_eptp12(struct nested_vmcs *c, u64 eptp12)
{
	c->eptp12 = eptp12;
	c->generation = &no_generation;
	c->generation_ready = 0;
}

static bool ept_is_ready(const struct nested_vmcs *c) { return *c->generation == c->generation_ready; }

static NOINLINE void set_eptp(struct vcpu *v, struct nested_vmcs *c)
{
	u64 eptp = nested_ept_pointer(v, c);
	bool keeps = eptp && secondary_controls(c->m) & SECONDARY_EPT;

	if (eptp != c->eptp02)
		vmcs_write(EPTP, c->eptp02 = eptp);
	c->generation = keeps ? &c->ept02->generation : &no_generation;
	c->generation_ready = v->nested->ept.seen[c->seen_at].generation;
}

static inline void ready(struct vcpu *v, struct nested_vmcs *c)
{
	if (!ept_is_ready(c))
		set_eptp(v, c);
	if (c->pages_seen != nested_pages_moves)
		vmcs02_write_pages(c);
	else
		bitmaps_refresh(c);
}

void nested_ready(struct vcpu *v) { ready(v, v->nested->current); }

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
static enum vmfail check(struct vcpu *v, struct nested_vmcs *c, struct guest_check *guest)
{
	struct entry_facts facts;
	enum vmfail fail;

	facts_now(&facts, c->at);
	wide_judge(v, c);
	if (c->changed & HOT(PRIMARY_CTRLS) && (c->m->PRIMARY_CTRLS ^ c->primary12) & ~(u32)PRIMARY_WINDOWS)
		c->dirty |= GROUP_BIT(GROUP_CONTROL);	/* other fields mean something else now */
	if (injects(c) && INTR_TYPE(c->m->ENTRY_INTR_INFO) == INTR_HARDWARE)
		nested_fetch(v, c, GROUP_BIT(GROUP_GUEST));	/* its check looks at CR0 */
	fail = controls_or_host_fail(c, &facts);
	if (fail)
		return fail;
	if (c->dirty & (GROUP_BIT(GROUP_HOST) | GROUP_BIT(GROUP_CONTROL))) {
		host_state_make(c);
		v->nested->host_msrs_of = NULL;
	}
	*guest = guest_fails(v, c, &facts);
	return 0;
}

/* What waits meanwhile, and what may have changed in memory. */
static inline enum verdict go(struct vcpu *v, struct nested_vmcs *c, bool may_wait_for_sipi)
{
	if (may_wait_for_sipi || v->nested->init_pending)
		nested_events_begin(v, may_wait_for_sipi);
	urgent_set(v, c->eptp12 ? URGENT_IN_L2 : URGENT_IN_L2_NO_EPT);
	if (c->fault_want)
		nested_ept_ahead(v, c);
	ready(v, c);
	return RESUME;
}

/* An entry with all that there may be to do. */
static NOINLINE enum verdict enter_anew(struct vcpu *v, struct nested_vmcs *c)
{
	struct vmcs12 *m = c->m;
	struct guest_check guest = { NULL, ENTRY_FAILURE_OTHER };
	struct l1_state l1;
	enum vmfail fail;
	u32 failed;

	vmcs_use(&v->vmcs01);
	fail = check(v, c, &guest);
	if (fail)
		return nested_fail(v, fail);
	l1_state_read(m, &l1);
	nested_switch_to_l2(v, v->nested, c);
	if (!c->initialised)
		vmcs02_init(v, c);
	if (guest.rule)
		return fail_entry(v, EXIT_BAD_GUEST_STATE, guest.qualification);
	v->nested->nmi_blocked = nmis_stay_blocked(m);
	vmcs02_build(v, c, &l1);
	if (c->each_entry & EACH_FLUSH)
		nested_vpid_transition(true);
	failed = c->each_entry & EACH_AREA ? msr_area_load(m->ENTRY_MSR_LOAD_ADDR, m->ENTRY_MSR_LOAD_COUNT) : 0;
	if (failed)
		return fail_entry(v, EXIT_BAD_MSR_LOAD, failed);
	if (c->each_entry & EACH_HYPAPP && !nested_hypapp_enters(v))
		return fail_entry(v, EXIT_BAD_GUEST_STATE, ENTRY_FAILURE_OTHER);
	return go(v, c, c->each_entry & EACH_WAIT);
}

/* Is there something wrong with the event? With VMCS02 current, of whose guest state m may lack CR0. */
static NOINLINE bool event_fails(struct nested_vmcs *c)
{
	c->m->GUEST_CR0 = vmcs02_guest_cr0(c);
	return check_entry_event(c->m, &nested_caps) != NULL;
}

static inline enum verdict enter(struct vcpu *v, struct nested *n, struct nested_vmcs *c)
{
	n->perf01 = v->perf_global_ctrl;
	if (nested_shadowing) {
		vmcs_use(&c->shadow);
		c->changed |= shadow_take(c);
	}
	if (!follows_only(c))
		return enter_anew(v, c);
	nested_switch_to_l2(v, n, c);
	if (intr_has_more(c->m->ENTRY_INTR_INFO) && event_fails(c)) {
		nested_switch_to_l1(v, n, c);
		return nested_fail(v, VMFAIL_CONTROLS);
	}
	vmcs02_follow(v, c);
	return go(v, c, false);
}

static inline enum verdict launch(struct vcpu *v, bool resumes)
{
	struct nested *n = v->nested;
	struct nested_vmcs *c;
	u32 blocking;

	if (!nested_has_current(v))
		return nested_refuses_current(v);
	c = n->current;
	if (c->m->revision & VMCS12_SHADOW)
		return nested_fail_invalid();
	n->blocking01 = blocking = vmcs_read32(GUEST_INTERRUPTIBILITY);
	if (blocking & BLOCKING_MOV_SS)
		return nested_fail(v, VMFAIL_MOV_SS);
	if (resumes && !c->m->launched)
		return nested_fail(v, VMFAIL_VMRESUME_NOT_LAUNCHED);
	if (!resumes && c->m->launched)
		return nested_fail(v, VMFAIL_VMLAUNCH_NOT_CLEAR);
	return enter(v, n, c);
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
	nested_switch_to_l1(v, n, n->current);
	n->current->dirty = GROUPS_ALL;
	n->current->changed = HOT_ALL;
	n->current->perf02 = v->perf_global_ctrl;
	v->perf_global_ctrl = n->perf01;
	(void)nested_fail(v, (enum vmfail)error);
	v->rip = vmcs_read_natural(GUEST_RIP);
	exit_advance(v);
	return true;
}
