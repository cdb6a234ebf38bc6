/* SPDX-License-Identifier: BSD-2-Clause */
/* IA32_APIC_BASE as the guest has it. */
#ifndef GUEST_APIC_BASE_H
#define GUEST_APIC_BASE_H

#include "lib/types.h"

/* RDMSR and WRMSR on this CPU; false is #GP(0). */
bool apic_base_read(u32 msr, u64 *value);
bool apic_base_write(u32 msr, u64 value);

#endif
