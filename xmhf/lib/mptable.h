/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs from the Intel MultiProcessor tables (MP specification 1.4, chapter 4), for machines
 * without an ACPI MADT. Nothing is written but by mp_disable.
 */
#ifndef XMHF_LIB_MPTABLE_H
#define XMHF_LIB_MPTABLE_H

#include "physmem.h"
#include "types.h"

struct mp_cpu {
	u8 apic_id;
	bool enabled;
	bool bsp;
	u32 offset;	/* of the entry in the configuration table, for mp_disable; 0: there is no table */
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

/* The physical address of the configuration table, if it is whole; 0: none, or a default configuration. */
u64 mp_config(const struct physmem *mem, u64 floating);

/*
 * Marks the processor entry at @offset (from struct mp_cpu) not enabled, and mends the checksum. @config is
 * the writable table at mp_config. False: no such entry.
 */
bool mp_disable(void *config, u32 offset);

#endif
