/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions, interrupts, windows. */
#include "testapp.h"

static enum xmhf_result interrupt_mode;
static u32 interrupts, windows;
static u8 last_vector;

static enum xmhf_result inject(struct vcpu *v)
{
	return xmhf_inject(v, (u8)in(v, XMHF_RBX), (int)in(v, XMHF_RCX));
}

static enum xmhf_result take_interrupts(struct vcpu *v)
{
	interrupt_mode = (enum xmhf_result)in(v, XMHF_RCX);
	xmhf_take_interrupts(v, in(v, XMHF_RBX));
	return answer(v, 0);
}

static enum xmhf_result interrupts_seen(struct vcpu *v)
{
	out(v, XMHF_RBX, last_vector);
	return answer(v, interrupts);
}

static enum xmhf_result inject_interrupt(struct vcpu *v)
{
	xmhf_inject_interrupt(v, (u8)in(v, XMHF_RBX));
	return answer(v, 0);
}

static enum xmhf_result ask_window(struct vcpu *v)
{
	xmhf_ask_interrupt_window(v);
	return answer(v, 0);
}

static enum xmhf_result windows_seen(struct vcpu *v)
{
	return answer(v, windows);
}

enum xmhf_result events_interrupt(struct vcpu *v, u8 vector)
{
	(void)v;
	last_vector = vector;
	count(&interrupts);
	return interrupt_mode;
}

void events_window(struct vcpu *v)
{
	(void)v;
	count(&windows);
}

const call event_calls[CALL_NESTED_COUNTS - CALL_INJECT] = {
	inject, take_interrupts, interrupts_seen, inject_interrupt, ask_window, windows_seen,
};
