/* SPDX-License-Identifier: BSD-2-Clause */
/* The hot fields of VMCS12 and its shadow VMCS; all with c->shadow current. */
#ifndef NESTED_HOT_H
#define NESTED_HOT_H

#include "nested/state.h"

/* Once, when nested_map is there. */
void shadow_init(void);

/* Takes over what L1 wrote there and VM entry looks at; which fields that were. What is out of use waits for shadow_take_all. */
u64 shadow_take(struct nested_vmcs *c);
u64 shadow_take_all(struct nested_vmcs *c);

/* Writes @fields of m. */
void shadow_give(struct nested_vmcs *c, u64 fields);

#endif
