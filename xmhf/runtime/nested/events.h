/* SPDX-License-Identifier: BSD-2-Clause */
/* What reaches the CPU from outside while L2 is its guest; all with VMCS02 current. */
#ifndef NESTED_EVENTS_H
#define NESTED_EVENTS_H

#include "vmx/vcpu.h"

/* The guest's NMI: an exit to L1 or L2's, as L1's controls say, as soon as it may be. */
void nested_offer_nmi(struct vcpu *v);

/* L2's exits by SIPI, and by an INIT that it brings with it. */
enum verdict nested_sipi(struct vcpu *v);
enum verdict nested_sipi_with_init(struct vcpu *v);

/*
 * The external interrupt @vector that waits in v->pending_vectors. True: it is L1's, who was told by an exit, or will be as
 * soon as what is injected into L2 is delivered.
 */
bool nested_takes_interrupt(struct vcpu *v, int vector);

/* The exit right after the entry that an event had to wait for. */
enum verdict nested_after_entry(struct vcpu *v);

#endif
