/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events that reach the CPU while L2 is its guest: L1's NMIs, INIT, interrupts that a hypapp passes on. Who gets them is
 * L1's choice (SDM 26.2); what comes while we run is delivered as if it had come just after the entry, and what L2 can't
 * have by its exit is L1's.
 */
#include "guest/interrupts.h"
#include "nested/events.h"
#include "nested/hot.h"
#include "vmx/nmi.h"
#include "vmx/primary.h"

static bool entry_injects(void) { return vmcs_read32(ENTRY_INTR_INFO) & INTR_VALID; }

/* An exit that no exit of VMCS02's stands behind. */
static void leave_by(struct vcpu *v, enum exit_reason reason, u32 intr_info)
{
	v->nested->exit = (struct l2_exit){ .reason = reason, .made_up = true, .intr_info = intr_info };
	nested_leave(v);
}

/*
 * An event that comes before L2 runs goes after all that the entry does (27.7): it may fail, inject an event, deliver a
 * pending debug exception. So L2 is entered, and exits before it executes anything.
 */
static void exit_after_entry(struct vcpu *v)
{
	struct nested *n = v->nested;

	if (n->event_after_entry)
		return;
	n->event_after_entry = true;
	n->timer_left = vmcs_read32(PREEMPTION_TIMER);
	vmcs_write(PIN_CTRLS, n->current->pin02 | PIN_PREEMPTION_TIMER);
	vmcs_write(PREEMPTION_TIMER, 0);
}

static void end_waiting(struct vcpu *v)
{
	struct nested *n = v->nested;

	if (!n->event_after_entry)
		return;
	n->event_after_entry = false;
	vmcs_write(PIN_CTRLS, n->current->pin02);
	vmcs_write(PREEMPTION_TIMER, n->timer_left);
}

/* The window opens after the one instruction that MOV SS or STI protects, unless virtual NMIs are blocked too. */
static bool in_shadow(void)
{
	u32 blocking = vmcs_read32(GUEST_INTERRUPTIBILITY);

	return blocking & (BLOCKING_STI | BLOCKING_MOV_SS) && !(blocking & BLOCKING_NMI);
}

static bool l1_takes_nmis(const struct nested *n) { return n->current->m->PIN_CTRLS & PIN_NMI; }

/* Blocked for L1's sake, all of L2's time. */
static bool l1_blocks_nmis(const struct nested *n) { return l1_takes_nmis(n) && n->nmi_blocked; }

static void nmi(struct vcpu *v)
{
	struct nested *n = v->nested;

	if (l1_takes_nmis(n) && in_shadow()) {
		primary_window(v, PRIMARY_NMI_WINDOW, true);
		return;
	}
	n->nmi_waits = false;
	if (!l1_takes_nmis(n)) {
		nmi_deliver(v);			/* L2's, by the rules for L1's own */
		return;
	}
	if (nmi_take_one(v))
		work_set(v, WORK_GUEST_NMI);
	leave_by(v, EXIT_EXCEPTION_NMI, INTR_VALID | INTR_NMI << 8 | NMI_VECTOR);
}

/* As the exit by SIPI was. */
static enum verdict tell_of_sipi(struct vcpu *v)
{
	struct nested_sipi *sipi = &v->nested->sipi;

	end_waiting(v);
	sipi->asks = false;
	vmcs_write(GUEST_ACTIVITY_STATE, sipi->activity);
	return nested_reflect(v, EXIT_SIPI, sipi->vector);
}

/*
 * Systems send INIT, SIPI, SIPI to a CPU whatever it does. While L2 waits for SIPI an INIT is blocked and causes no exit (SDM
 * 26.2). Nothing says that it is remembered, as in VMX root operation: to a CPU that waits it has nothing to do. But one that
 * remembers it ends L2 again before the first instruction to which the first SIPI brings it. The second SIPI, microseconds
 * later, would find an L2 that waits only if L1 is done with both exits by then, and L1 may be a copy of ours in copies of
 * ours. So that INIT is lost here, and the first SIPI starts L2 however long it takes: L2 is entered as if it were active, and
 * exits at once, by the INIT or else by the timer; all other events come behind these.
 */
enum verdict nested_sipi(struct vcpu *v)
{
	struct nested_sipi *sipi = &v->nested->sipi;
	u32 blocking = vmcs_read32(GUEST_INTERRUPTIBILITY);

	sipi->vector = vmcs_read(EXIT_QUALIFICATION);
	if (!caps_allow(&nested_caps, CAP_PIN, PIN_PREEMPTION_TIMER) || vmcs_read(GUEST_PENDING_DBG))
		return nested_reflect(v, EXIT_SIPI, sipi->vector);
	if (blocking & BLOCKING_SMI)		/* Bochs may save that, and no entry is possible with it */
		vmcs_write(GUEST_INTERRUPTIBILITY, blocking & ~(u32)BLOCKING_SMI);
	__atomic_store_n(&v->waits_for_sipi, false, __ATOMIC_SEQ_CST);
	sipi->activity = vmcs_read32(GUEST_ACTIVITY_STATE);
	sipi->asks = true;
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	exit_after_entry(v);
	return RESUME;
}

enum verdict nested_sipi_with_init(struct vcpu *v) { return tell_of_sipi(v); }

enum verdict nested_after_entry(struct vcpu *v)
{
	struct nested *n = v->nested;

	if (n->sipi.asks)
		return tell_of_sipi(v);
	end_waiting(v);
	if (n->init_pending) {
		n->init_pending = false;
		leave_by(v, EXIT_INIT, 0);
	} else if (n->nmi_waits && !l1_blocks_nmis(n)) {
		nmi(v);
	}
	work_set(v, WORK_INTERRUPT);
	return RESUME;
}

static bool waits_for_sipi(void) { return vmcs_read32(GUEST_ACTIVITY_STATE) == ACTIVITY_WAIT_FOR_SIPI; }

void nested_offer_nmi(struct vcpu *v)
{
	struct nested *n = v->nested;

	n->nmi_waits = true;
	if (l1_takes_nmis(n))
		nmi_keep(v, n->nmi_blocked);
	if (!waits_for_sipi() && !l1_blocks_nmis(n))
		exit_after_entry(v);
}

void nested_events_begin(struct vcpu *v, bool may_wait_for_sipi)
{
	if (may_wait_for_sipi && waits_for_sipi())
		__atomic_store_n(&v->waits_for_sipi, true, __ATOMIC_SEQ_CST);
	else if (v->nested->init_pending)
		exit_after_entry(v);
}

void nested_events_end_waiting(struct vcpu *v)
{
	struct nested *n = v->nested;

	end_waiting(v);
	n->sipi.asks = false;
	if (n->nmi_waits)
		work_set(v, WORK_GUEST_NMI);
	n->nmi_waits = false;
	if (v->waits_for_sipi)
		__atomic_store_n(&v->waits_for_sipi, false, __ATOMIC_SEQ_CST);
}

bool nested_takes_init(struct vcpu *v)
{
	if (!nested_is_on(v))
		return false;
	v->nested->init_pending = true;
	return true;
}

/* An interrupt that a hypapp passes on to L1: taken by L1 as an exit, or by L2 as in hardware. */
bool nested_takes_interrupt(struct vcpu *v, int vector)
{
	const struct vmcs12 *m = v->nested->current->m;
	bool acknowledges = m->EXIT_CTRLS & EXIT_ACK_INTR;

	if (!(m->PIN_CTRLS & PIN_EXTINT))
		return false;
	if (vmcs_read32(GUEST_ACTIVITY_STATE) > ACTIVITY_HLT || v->nested->sipi.asks)
		return true;			/* blocked there */
	if (entry_injects()) {
		exit_after_entry(v);
		return true;
	}
	if (acknowledges)
		interrupts_dequeue(v, (u8)vector);
	leave_by(v, EXIT_EXTINT, acknowledges ? INTR_VALID | INTR_EXTINT << 8 | (u32)vector : 0);
	return true;
}
