/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * External interrupts, when a hypapp wants to see them or adds its own. Without that they go straight to the
 * guest and nothing here runs.
 */
#ifndef GUEST_INTERRUPTS_H
#define GUEST_INTERRUPTS_H

#include "vmx/vcpu.h"

/* Whether this CPU exits on external interrupts. What is queued is delivered all the same. */
void interrupts_take(struct vcpu *v, bool wanted);

/* Delivers @vector when the guest can take it, the highest one first. */
void interrupts_queue(struct vcpu *v, u8 vector);

/* It was delivered otherwise. */
void interrupts_dequeue(struct vcpu *v, u8 vector);


/* Calls the hypapp when the guest could take an interrupt. */
void interrupts_ask_window(struct vcpu *v);

/* WORK_INTERRUPT, after other events had their turn: injects the next one, or asks for the window. */
void interrupts_offer(struct vcpu *v);

/* INIT: what is queued is gone. */
void interrupts_drop(struct vcpu *v);

enum verdict interrupts_exit(struct vcpu *v);
enum verdict interrupts_window(struct vcpu *v);
enum verdict interrupts_hlt(struct vcpu *v);

#endif
