/* SPDX-License-Identifier: BSD-2-Clause */
/* The one init order, and the point of no return of each CPU. */
#ifndef START_START_H
#define START_START_H

#include "lib/image.h"
#include "machine/trap.h"

/* On the BSP, from the entry code. */
NORETURN void runtime_main(const struct handoff *h);

/* On each CPU, on its own stack: VMX on, VMCS01, and into the guest (or into the wait, if it isn't served). */
NORETURN void start_guest(struct vcpu *v);

/* Goes on in @next with the stack at @v's; what was on the old one is lost. */
NORETURN void stack_switch(struct vcpu *v, NORETURN void (*next)(struct vcpu *v));

#endif
