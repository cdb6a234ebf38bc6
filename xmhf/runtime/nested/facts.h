/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks of VM entry need to know of L1's CPU. */
#ifndef NESTED_FACTS_H
#define NESTED_FACTS_H

#include "nested/checks.h"

/* Once, at the start. */
void facts_init(void);

/* For an entry with the VMCS12 at @current; with VMCS01 current. */
void facts_now(struct entry_facts *f, u64 current);

/* The linear-address bits that its MSRs take. */
u32 facts_linear_bits(void);

#endif
