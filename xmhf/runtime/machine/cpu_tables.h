/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's lists of CPUs, as the guest is to see them. */
#ifndef MACHINE_CPU_TABLES_H
#define MACHINE_CPU_TABLES_H

#include "lib/types.h"

/*
 * Disables in MADT and MP table, in place, each CPU for which @is_served(LAPIC id) is false: neither one that we
 * hold in root mode nor one that never came to us may be offered to the guest. Returns how many of the MADT's
 * (without one: of the MP table's) CPUs that were enabled it disabled. Tables in read-only memory stay as they are, and the log says so.
 */
u32 cpu_tables_offer(bool (*is_served)(u32 apic_id));

#endif
