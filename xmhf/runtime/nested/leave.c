/* SPDX-License-Identifier: BSD-2-Clause */
/* From L2 to L1: VMCS12 gets what a VM exit writes (SDM 28.2 to 28.4), L1 goes on at its host state (28.5, 28.6). */
#include "guest/memory.h"
#include "hypapp/hypapp.h"
#include "machine/log.h"
#include "nested/exit_info.h"
#include "nested/host_state.h"
#include "nested/switch.h"
#include "nested/wide.h"

/* VMX-abort indicators, SDM 28.7. */
enum { ABORT_STORE_MSR = 1, ABORT_PDPTES = 2, ABORT_LOAD_MSR = 4 };

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

/* ---- what VMCS12 gets at once ---- */

#define SET(name, is)	HOT_SET(changed, m, name, is)
#define TAKE(name)	HOT_TAKE(changed, m, name)

/* What only some reasons have. */
static NOINLINE u32 save_details(struct vmcs12 *m, u32 reason, u32 info)
{
	u32 changed = 0;

	SET(EXIT_INTR_INFO, info & INFO_EVENT ? vmcs_read(EXIT_INTR_INFO) : 0);
	if (m->EXIT_INTR_INFO & INTR_ERROR_CODE)
		TAKE(EXIT_INTR_ERROR_CODE);
	SET(IDT_VECTORING_INFO, info & INFO_VECTORING ? vmcs_read(IDT_VECTORING_INFO) : 0);
	if (m->IDT_VECTORING_INFO & INTR_ERROR_CODE)
		TAKE(IDT_VECTORING_ERROR_CODE);
	if (info & INFO_LENGTH || m->IDT_VECTORING_INFO & INTR_VALID)	/* that of a software event */
		TAKE(EXIT_INSTR_LEN);
	if (info & INFO_INSTRUCTION)
		TAKE(EXIT_INSTR_INFO);
	if (info & INFO_ADDRESSES) {
		TAKE(GUEST_LINEAR_ADDR);
		if (vmcs12_field(&nested_map, GUEST_PHYSICAL_ADDR))
			TAKE(GUEST_PHYSICAL_ADDR);
	}
	if (reason == EXIT_IO) {
		m->IO_RCX = vmcs_read_natural(IO_RCX);
		m->IO_RSI = vmcs_read_natural(IO_RSI);
		m->IO_RDI = vmcs_read_natural(IO_RDI);
		m->IO_RIP = vmcs_read_natural(IO_RIP);
	}
	return changed;
}

static inline u32 save_outcome(struct vmcs12 *m, u32 reason, u64 qualification)
{
	u32 changed = 0;

	SET(EXIT_REASON, reason);
	SET(EXIT_QUALIFICATION, qualification);
	return changed;
}

static NOINLINE u32 save_made_up(struct vmcs12 *m, const struct l2_exit *exit)
{
	u32 changed = save_outcome(m, exit->reason, exit->qualification);

	SET(EXIT_INTR_INFO, exit->intr_info);
	SET(EXIT_INTR_ERROR_CODE, exit->intr_error);
	SET(IDT_VECTORING_INFO, exit->vectoring);
	if (exit->vectoring) {
		SET(IDT_VECTORING_ERROR_CODE, exit->vectoring_error);
		SET(EXIT_INSTR_LEN, exit->instr_len);
	}
	if (exit->has_addresses) {
		SET(GUEST_PHYSICAL_ADDR, exit->physical);
		SET(GUEST_LINEAR_ADDR, exit->linear);
	}
	vmcs_write(ENTRY_INTR_INFO, 0);			/* exits of L2's do that (28.3.4) */
	return changed;
}

/* No event was under way. */
static NOINLINE u32 save_no_events(struct vmcs12 *m)
{
	u32 changed = 0;

	SET(EXIT_INTR_INFO, 0);
	SET(IDT_VECTORING_INFO, 0);
	return changed;
}

/* @info: what the reason defines. */
static inline u32 save_exit_information(struct vmcs12 *m, u32 told, u32 info, u64 qualification)
{
	u32 changed = save_outcome(m, told, qualification);

	if (info & INFO_DETAILS && !exit_info_is_plain((u16)told, qualification))
		return changed | save_details(m, (u16)told, info);
	if (m->EXIT_INTR_INFO | m->IDT_VECTORING_INFO)
		changed |= save_no_events(m);
	if (info & INFO_LENGTH)
		TAKE(EXIT_INSTR_LEN);
	return changed;
}

/* A timer whose end is the reason is saved as 0 (28.3.4). If the CPU made something else of it, VMCS02 gets that yet. */
static u32 timer_left(struct nested_vmcs *c, u32 reason)
{
	u32 left = vmcs_read32(PREEMPTION_TIMER);

	if (reason != EXIT_PREEMPTION_TIMER || !left)
		return left;
	c->changed |= HOT(PREEMPTION_TIMER);
	return 0;
}

/* By each_exit. */
static NOINLINE u32 save_some(struct nested_vmcs *c, u32 reason)
{
	struct vmcs12 *m = c->m;
	u32 changed = 0;

	if (c->each_exit & LEAVE_IA32E)		/* L2 may have left or entered that mode by itself */
		m->ENTRY_CTRLS = (m->ENTRY_CTRLS & ~(u32)ENTRY_IA32E) | (vmcs_read32(ENTRY_CTRLS) & ENTRY_IA32E);
	if (c->each_exit & LEAVE_VIRTUAL_INTR)
		TAKE(GUEST_INTR_STATUS);
	if (c->each_exit & LEAVE_TIMER)
		SET(PREEMPTION_TIMER, timer_left(c, reason));
	if (c->each_exit & LEAVE_PML)
		changed |= HOT(GUEST_PML_INDEX);	/* ept_event.c moves it */
	return c->each_exit & LEAVE_WIDE ? changed | wide_leave(c) : changed;
}

static inline u32 save_guest(const struct nested *n, struct nested_vmcs *c, u32 reason, uptr rip)
{
	struct vmcs12 *m = c->m;
	u32 changed = 0;

	SET(GUEST_RIP, rip);
	TAKE(GUEST_RSP);
	TAKE(GUEST_RFLAGS);
	TAKE(GUEST_CR3);
	TAKE(GUEST_INTERRUPTIBILITY);
	if (m->ENTRY_INTR_INFO & INTR_VALID)
		SET(ENTRY_INTR_INFO, m->ENTRY_INTR_INFO & ~INTR_VALID);
	if (n->nmi_blocked)
		SET(GUEST_INTERRUPTIBILITY, m->GUEST_INTERRUPTIBILITY | BLOCKING_NMI);
	c->behind = c->behind_after;
	if (c->each_exit & (LEAVE_IA32E | LEAVE_TIMER | LEAVE_VIRTUAL_INTR | LEAVE_PML | LEAVE_WIDE))
		changed |= save_some(c, reason);
	return changed;
}

/* ---- the transition ---- */

/* Blocking by NMI in L1 after the exit (28.5.5, and 26.3 for what the entry did to it). */
static inline u32 blocking_after(const struct nested_vmcs *c, u32 reason)
{
	u32 info = c->m->EXIT_INTR_INFO;

	if (reason == EXIT_EXCEPTION_NMI && info & INTR_VALID && INTR_TYPE(info) == INTR_NMI)
		return BLOCKING_NMI;
	return c->each_exit & LEAVE_NMIS ? c->m->GUEST_INTERRUPTIBILITY & BLOCKING_NMI : 0;
}

/* What must happen before VMCS01 is current; the abort it ends in, or 0. */
static NOINLINE u32 end_of_l2(const struct nested_vmcs *c, bool failed, struct l2_state *l2)
{
	const struct vmcs12 *m = c->m;

	if (c->each_exit & LEAVE_MSRS)
		l2_state_read(m, l2);
	if (c->each_exit & LEAVE_FLUSH)
		nested_vpid_transition(false);
	if (!failed && m->EXIT_MSR_STORE_COUNT && msr_area_store(m->EXIT_MSR_STORE_ADDR, m->EXIT_MSR_STORE_COUNT))
		return ABORT_STORE_MSR;
	return 0;
}

/* What L1 gets of it; the abort, or 0. */
static inline u32 load(struct vcpu *v, const struct nested_vmcs *c, const struct l2_state *l2)
{
	const struct vmcs12 *m = c->m;

	if (!host_state_load(v, c, l2))
		return ABORT_PDPTES;
	if (c->each_exit & LEAVE_AREAS && m->EXIT_MSR_LOAD_COUNT && msr_area_load(m->EXIT_MSR_LOAD_ADDR, m->EXIT_MSR_LOAD_COUNT))
		return ABORT_LOAD_MSR;
	return 0;
}

/*
 * An entry that failed saves no more than reason and qualification (27.8). NMIs stay blocked as they were; if it was for the
 * guest's state, nothing of that has been loaded.
 */
static NOINLINE void leave_failed(struct vcpu *v)
{
	struct nested *n = v->nested;
	struct nested_vmcs *c = n->current;
	bool loaded = n->exit.reason != (EXIT_BAD_GUEST_STATE | EXIT_REASON_ENTRY_FAILED);
	u32 changed = save_outcome(c->m, n->exit.reason, n->exit.qualification);
	struct l2_state l2 = { .cd_nw = c->cd_nw };
	u32 blocking, aborts;

	vmcs_write(ENTRY_INTR_INFO, 0);
	c->changed |= HOT(GUEST_INTERRUPTIBILITY);	/* an NMI to be injected made another of it, */
	if (c->each_entry & EACH_AREA) {
		c->dirty |= GROUPS_RARE_GUEST;		/* and L1's MSRs of others */
		c->perf02 = ~0ull;			/* none: VMCS02 may have L1's */
	}
	(void)end_of_l2(c, true, &l2);
	nested_switch_to_l1(v, n, c);
	nested_shadow_out(v, c, changed);
	if (loaded) {
		c->perf02 = v->perf_global_ctrl;	/* L1's area may have loaded it */
	} else {
		l2_state_read(c->m, &l2);
		l2.cd_nw = v->cr0_shadow & L2_CR0_OURS;
		v->perf_global_ctrl = n->perf01;
	}
	blocking = vmcs_read32(GUEST_INTERRUPTIBILITY) & BLOCKING_NMI;
	aborts = load(v, c, &l2);
	vmcs_write(GUEST_INTERRUPTIBILITY, blocking);
	if (aborts)
		vmx_abort(v, c, aborts);
}

/* For @reason, from an L2 at @rip; @changed: exit information. */
static ALWAYS_INLINE void leave(struct vcpu *v, struct nested *n, struct nested_vmcs *c, u32 reason, uptr rip, u32 changed)
{
	struct l2_state l2;
	u32 aborts = 0, blocking;

	changed |= save_guest(n, c, reason, rip);
	c->m->launched = 1;
	c->perf02 = v->perf_global_ctrl;		/* L2 may have written it */
	l2.cd_nw = c->cd_nw;
	if (c->each_exit & (LEAVE_MSRS | LEAVE_AREAS | LEAVE_FLUSH))
		aborts = end_of_l2(c, false, &l2);
	if (nested_shadowing && changed) {
		vmcs_use(&c->shadow);
		shadow_give(c, changed);
	}
	nested_switch_to_l1(v, n, c);
	blocking = blocking_after(c, reason);
	if (blocking != n->blocking01)
		vmcs_write(GUEST_INTERRUPTIBILITY, blocking);
	if (!aborts)
		aborts = load(v, c, &l2);
	if (aborts)
		vmx_abort(v, c, aborts);
}

void nested_leave(struct vcpu *v)
{
	struct nested *n = v->nested;
	const struct l2_exit *exit = &n->exit;
	u32 reason = (u16)exit->reason, changed;

	if (xmhf_hypapp.nested_exit && !exit->untold && nested_hypapp_keeps(v))
		return;
	nested_events_end(v);
	if (reason < EXIT_REASONS)
		n->exits_reflected[reason]++;
	if (exit->reason & EXIT_REASON_ENTRY_FAILED) {
		leave_failed(v);
		return;
	}
	changed = exit->made_up ? save_made_up(n->current->m, exit) :
		  save_exit_information(n->current->m, exit->reason, exit_info(reason), exit->qualification);
	leave(v, n, n->current, exit->reason, vmcs_read_natural(GUEST_RIP), changed);	/* we or the hypapp may have moved it */
}

void nested_leave_as_told(struct vcpu *v, u32 reason)
{
	struct nested *n = v->nested;
	struct nested_vmcs *c = n->current;
	u32 info = exit_info_known(reason);
	uptr qualification = info & INFO_QUALIFICATION ? vmcs_read_natural(EXIT_QUALIFICATION) : 0;

	if (xmhf_hypapp.nested_exit) {
		(void)nested_reflect(v, reason, qualification);
		nested_leave(v);
		return;
	}
	nested_events_end(v);
	n->exits_reflected[reason]++;
	leave(v, n, c, reason, v->rip, save_exit_information(c->m, reason, info, qualification));
}
