/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events that reach the CPU while L2 is its guest: L1's NMIs, INIT, interrupts that a hypapp passes on. Who gets them is
 * L1's choice (SDM 26.2); what comes while we run is delivered as if it had come just after the entry.
 */
#include "guest/interrupts.h"
#include "nested/events.h"
#include "nested/hot.h"
#include "vmx/nmi.h"

static bool entry_injects(void) { return vmcs_read32(ENTRY_INTR_INFO) & INTR_VALID; }

/* An exit that no exit of VMCS02's stands behind. */
static void leave_by(struct vcpu *v, enum exit_reason reason, u32 intr_info)
{
	v->nested->exit = (struct l2_exit){ .reason = reason, .made_up = true, .intr_info = intr_info };
	nested_leave(v);
}

/* An event that is to be injected goes first: L2 gets it and exits again before its first instruction. */
static bool waits_for_injection(struct vcpu *v)
{
	if (!entry_injects())
		return false;
	v->nested->event_after_entry = true;
	vmcs_write(PIN_CTRLS, v->nested->current->pin02 | PIN_PREEMPTION_TIMER);
	vmcs_write(PREEMPTION_TIMER, 0);
	return true;
}

enum verdict nested_after_injection(struct vcpu *v)
{
	struct nested *n = v->nested;

	n->event_after_entry = false;
	vmcs_write(PIN_CTRLS, n->current->pin02);
	if (n->current->m->PIN_CTRLS & PIN_PREEMPTION_TIMER)
		vmcs_write(PREEMPTION_TIMER, n->current->m->PREEMPTION_TIMER);
	if (n->nmi_waits)
		work_set(v, WORK_GUEST_NMI);
	nested_offer_events(v);
	return RESUME;
}

bool nested_takes_nmi(struct vcpu *v)
{
	struct nested *n = v->nested;
	const struct vmcs12 *m = n->current->m;

	if (!(m->PIN_CTRLS & PIN_NMI))
		return false;			/* L2's, by the rules for L1's own */
	n->nmi_waits = true;
	if (n->nmi_blocked || vmcs_read32(GUEST_ACTIVITY_STATE) == ACTIVITY_WAIT_FOR_SIPI || waits_for_injection(v))
		return true;
	n->nmi_waits = false;
	leave_by(v, EXIT_EXCEPTION_NMI, INTR_VALID | INTR_NMI << 8 | NMI_VECTOR);
	return true;
}

void nested_offer_events(struct vcpu *v)
{
	struct nested *n = v->nested;

	if (!n->init_pending || vmcs_read32(GUEST_ACTIVITY_STATE) == ACTIVITY_WAIT_FOR_SIPI || waits_for_injection(v))
		return;
	n->init_pending = false;
	leave_by(v, EXIT_INIT, 0);
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

	if (!(m->PIN_CTRLS & PIN_EXTINT) || entry_injects())
		return false;
	if (acknowledges)
		interrupts_dequeue(v, (u8)vector);
	leave_by(v, EXIT_EXTINT, acknowledges ? INTR_VALID | INTR_EXTINT << 8 | (u32)vector : 0);
	return true;
}
