/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * External interrupts on behalf of a hypapp: acknowledged by the exit, queued, injected when RFLAGS.IF and blocking
 * allow. While something waits, HLT exits too: on Bochs an interrupt window doesn't end HLT state (bochs-faults I3).
 */
#include "guest/interrupts.h"
#include "hypapp/hypapp.h"
#include "machine/cpu_insn.h"
#include "machine/lapic.h"
#include "nested/events.h"
#include "nested/nested.h"
#include "vmx/primary.h"
#include "vmx/setup.h"

#define WINDOW_CTRLS	(PRIMARY_INTR_WINDOW | PRIMARY_HLT)

void interrupts_take(struct vcpu *v, bool wanted)
{
	v->pin_ctrls = wanted ? v->pin_ctrls | PIN_EXTINT : v->pin_ctrls & ~PIN_EXTINT;
	vmcs_use(&v->vmcs01);
	vmcs_write(PIN_CTRLS, v->pin_ctrls);
	vmcs_write(EXIT_CTRLS, wanted ? vmx_caps.exit | EXIT_ACK_INTR : vmx_caps.exit);
	nested_follow_interrupts(v);
}

void interrupts_queue(struct vcpu *v, u8 vector)
{
	v->pending_vectors[vector / 32] |= BIT(vector % 32);
	work_set(v, WORK_INTERRUPT);
}

void interrupts_ask_window(struct vcpu *v)
{
	v->window_asked = true;
	work_set(v, WORK_INTERRUPT);
}

/* The highest vector that waits, -1 for none. */
static int highest(const struct vcpu *v)
{
	for (int i = (int)ARRAY_SIZE(v->pending_vectors) - 1; i >= 0; i--)
		if (v->pending_vectors[i])
			return 32 * i + 31 - __builtin_clz(v->pending_vectors[i]);
	return -1;
}

static void watch_window(struct vcpu *v, bool wanted)
{
	primary_window(v, WINDOW_CTRLS, wanted);
}

static bool guest_is_open(void)
{
	return vmcs_read(GUEST_RFLAGS) & RFLAGS_IF &&
	       !(vmcs_read32(GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS)) &&
	       !(vmcs_read32(ENTRY_INTR_INFO) & INTR_VALID);
}

void interrupts_dequeue(struct vcpu *v, u8 vector)
{
	v->pending_vectors[vector / 32] &= ~BIT(vector % 32);
}

static void inject_next(struct vcpu *v)
{
	int vector = highest(v);

	if (vector < 0)
		return;
	interrupts_dequeue(v, (u8)vector);
	vmcs_write(ENTRY_INTR_INFO, INTR_VALID | INTR_EXTINT << 8 | (u32)vector);
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
}

/* What still waits is L1's to take now, or is offered anew when L2 ends. */
static void after_l1_took(struct vcpu *v)
{
	if (v->in_l2)
		watch_window(v, true);
	else if (highest(v) >= 0)
		work_set(v, WORK_INTERRUPT);
}

void interrupts_offer(struct vcpu *v)
{
	u32 activity = vmcs_read32(GUEST_ACTIVITY_STATE);

	work_clear(v, WORK_INTERRUPT);
	if (v->in_l2 && highest(v) >= 0 && nested_takes_interrupt(v, highest(v))) {
		after_l1_took(v);
		return;
	}
	if (activity != ACTIVITY_ACTIVE && activity != ACTIVITY_HLT)
		return;
	if (guest_is_open()) {
		if (v->window_asked) {
			v->window_asked = false;
			hypapp_interrupt_window(v);
			work_clear(v, WORK_INTERRUPT);
		}
		inject_next(v);
	}
	watch_window(v, v->window_asked || highest(v) >= 0);
}

void interrupts_drop(struct vcpu *v)
{
	for (u32 i = 0; i < ARRAY_SIZE(v->pending_vectors); i++)
		v->pending_vectors[i] = 0;
	watch_window(v, v->window_asked);
}

enum verdict interrupts_exit(struct vcpu *v)
{
	u8 vector = INTR_VECTOR(vmcs_read32(EXIT_INTR_INFO));
	enum xmhf_result result = hypapp_interrupt(v, vector);

	if (result == XMHF_CHAIN)
		interrupts_queue(v, vector);
	else
		lapic_acknowledge(vector);
	if (result != XMHF_INJECT)
		return RESUME;
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);	/* HLT state takes few events (SDM 27.2.1.3) */
	return INJECT;
}

enum verdict interrupts_window(struct vcpu *v)
{
	work_set(v, WORK_INTERRUPT);
	return RESUME;
}

/* Halts, unless what waits ends that at once: the offer comes when RIP is past the HLT and STI's shadow over. */
enum verdict interrupts_hlt(struct vcpu *v)
{
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_HLT);
	work_set(v, WORK_INTERRUPT);
	return ADVANCE;
}
