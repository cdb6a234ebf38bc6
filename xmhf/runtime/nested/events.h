/* SPDX-License-Identifier: BSD-2-Clause */
/* What reaches the CPU from outside while L2 is its guest; all with VMCS02 current. */
#ifndef NESTED_EVENTS_H
#define NESTED_EVENTS_H

#include "vmx/vcpu.h"

/* The guest's NMI: true if L1 takes it, now by an exit or as soon as it can. False: it is L2's. */
bool nested_takes_nmi(struct vcpu *v);

/* The external interrupt @vector that waits in v->pending_vectors: true if L1 was told by an exit. */
bool nested_takes_interrupt(struct vcpu *v, int vector);

/* The exit right after an injection that an event had to wait for. */
enum verdict nested_after_injection(struct vcpu *v);

#endif
