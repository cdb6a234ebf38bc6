/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs from the Intel MultiProcessor tables (MP specification 1.4, chapter 4), for machines
 * without an ACPI MADT.
 */
#ifndef XMHF_LIB_MPTABLE_H
#define XMHF_LIB_MPTABLE_H

#include "physmem.h"
#include "types.h"

struct mp_cpu {
	u8 apic_id;
	bool enabled;
	bool bsp;
};

/* The physical address of a floating pointer structure with a right checksum; 0: none. */
u64 mp_find(const struct physmem *mem);

/*
 * Calls @cpu for each processor that the structure at @floating leads to; the two of a default
 * configuration (chapter 5) too. @lapic (may be NULL) receives the local APICs' physical address.
 * False when the tables are malformed; processors before the fault were reported.
 */
bool mp_walk(const struct physmem *mem, u64 floating, u64 *lapic,
	     void (*cpu)(void *ctx, const struct mp_cpu *cpu), void *ctx);

#endif
