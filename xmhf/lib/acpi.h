/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables (ACPI specification 6.4, chapter 5): finding them, the CPUs in the MADT, the
 * power registers of the FADT. Every length and address is mistrusted; nothing is written
 * but by acpi_madt_disable.
 */
#ifndef XMHF_LIB_ACPI_H
#define XMHF_LIB_ACPI_H

#include "physmem.h"
#include "types.h"

struct acpi_header {
	char signature[4];
	u32 length;		/* bytes, header included */
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	u32 creator_id;
	u32 creator_revision;
} PACKED;
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

/* Generic Address Structure. */
struct acpi_gas {
	u8 space;		/* enum acpi_space */
	u8 bit_width;
	u8 bit_offset;
	u8 access_size;
	u64 address;
} PACKED;
_Static_assert(sizeof(struct acpi_gas) == 12, "ACPI 5.2.3.2");

enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };

/* The physical address of a root pointer with right checksums (EBDA, then BIOS); 0: none. */
u64 acpi_find_rsdp(const struct physmem *mem);

/*
 * The @index-th table (from 0) with @signature ("APIC", "FACP", "SSDT"), reached from the root
 * pointer at @rsdp; all of it is mapped and its checksum is right. @at (may be NULL) receives
 * its physical address. NULL: there is none.
 */
const struct acpi_header *acpi_find_table(const struct physmem *mem, u64 rsdp,
					  const char *signature, u32 index, u64 *at);

/* The table at physical @at when it has @signature and a right checksum; else NULL. */
const struct acpi_header *acpi_table_at(const struct physmem *mem, u64 at,
					const char *signature);

/* One processor of the MADT (5.2.12.2 local APIC, 5.2.12.12 local x2APIC). */
struct acpi_cpu {
	u32 apic_id;
	u32 uid;		/* the ACPI processor's id */
	bool enabled;
	bool online_capable;	/* not enabled, but the system may enable it (ACPI 6.3) */
	bool x2apic;		/* by an x2APIC entry */
	u32 offset;		/* of the entry in the table, for acpi_madt_disable */
};

/*
 * Calls @cpu for each processor entry of @madt, a table from acpi_find_table. False when the
 * entries are malformed; those before were reported.
 */
bool acpi_madt_walk(const struct acpi_header *madt,
		    void (*cpu)(void *ctx, const struct acpi_cpu *cpu), void *ctx);

/* The physical address of the local APICs, the 64-bit override (type 5) included. */
u64 acpi_madt_lapic(const struct acpi_header *madt);

/*
 * Marks the processor entry at @offset (from struct acpi_cpu) neither enabled nor
 * online-capable, and mends the checksum. @madt is the writable table. False: no such entry.
 */
bool acpi_madt_disable(struct acpi_header *madt, u32 offset);

struct acpi_power {
	struct acpi_gas pm1a_control;	/* address 0: there is none */
	struct acpi_gas pm1b_control;
	struct acpi_gas reset;		/* address 0: the reset register isn't supported */
	u8 reset_value;
	u64 dsdt;			/* physical address, 0: none */
	u64 facs;			/* likewise */
};

/* Reads the FADT (5.2.9), a table from acpi_find_table(…, "FACP"); false when it is too short. */
bool acpi_read_fadt(const struct acpi_header *fadt, struct acpi_power *out);

/* SLP_TYP values of the sleep states: what an OS writes to PM1a and PM1b control (7.4.2). */
struct acpi_sleep {
	bool known;
	u8 slp_typ_a, slp_typ_b;	/* 0 to 7 */
};

/* Fills out[0..5] for _S0_ to _S5_ from the DSDT at @dsdt and all SSDTs. */
void acpi_find_sleep(const struct physmem *mem, u64 rsdp, u64 dsdt, struct acpi_sleep out[6]);

#endif
