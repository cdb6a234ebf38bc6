/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wide VMCS shadowing. Who has a hypervisor in its guest loads guest state anew at each entry, as a copy of ours does at the
 * exits of its L2's: by some forty writes, each an exit. Where that goes on from entry to entry, the fields that the field
 * table calls WIDE are hot for this VMCS12, for a while: exits of L2's give them to the shadow VMCS, entries take them from
 * there.
 */
#ifndef NESTED_WIDE_H
#define NESTED_WIDE_H

#include "nested/state.h"

/* At an entry that isn't followed by hot fields alone, before it: begins and ends it. With VMCS01 current. */
void wide_judge(struct vcpu *v, struct nested_vmcs *c);

/* It is over: m has all. For @c that isn't current, or wide_let() follows. */
void wide_end(struct nested_vmcs *c);

/* Lets L1 reach the fields that it may of @c (NULL: no VMCS12) as its current one; with VMCS01 current. */
void wide_let(struct vcpu *v, const struct nested_vmcs *c);

/* What L1 wrote of it becomes m's, and dirty; which hot fields became. With the shadow VMCS current. */
u32 wide_take(struct nested_vmcs *c);

/* The same for an entry. */
u32 wide_enter(struct nested_vmcs *c);

/* An exit: m gets all guest state, nothing is behind. Which hot fields are to be given. With VMCS02 current. */
u32 wide_leave(struct nested_vmcs *c);

/* The shadow VMCS, which is current, gets what wide_leave found new. */
void wide_give(struct nested_vmcs *c);

#endif
