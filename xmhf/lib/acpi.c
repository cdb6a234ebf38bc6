/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables. A table is used only when all of its bytes are in reach and add up to 0;
 * fields behind its length count as 0. Section numbers are the ACPI specification's, 6.4.
 */
#include "acpi.h"
#include "aml.h"
#include "bios.h"
#include "string.h"

#define TABLE_MAX	(16u << 20)	/* bytes; nothing honest is longer */
#define ROOT_ENTRIES_MAX 1024u

struct rsdp {			/* 5.2.5.3 */
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;		/* from here on: revision 2 and later */
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} PACKED;
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 5.2.5.3");

#define RSDP_V1_SIZE	20u

enum {				/* 5.2.12 */
	MADT_LAPIC_ADDRESS = 36,
	MADT_ENTRIES = 44,
	MADT_LAPIC = 0,
	MADT_LAPIC_OVERRIDE = 5,
	MADT_X2APIC = 9,
	MADT_ENABLED = BIT(0),
	MADT_ONLINE_CAPABLE = BIT(1),
};

enum {				/* 5.2.9 */
	FADT_FACS = 36,
	FADT_DSDT = 40,
	FADT_PM1A_CONTROL = 64,
	FADT_PM1B_CONTROL = 68,
	FADT_PM1_CONTROL_LENGTH = 89,
	FADT_FLAGS = 112,
	FADT_RESET = 116,
	FADT_RESET_VALUE = 128,
	FADT_X_FACS = 132,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_CONTROL = 172,
	FADT_X_PM1B_CONTROL = 184,
	FADT_RESET_SUPPORTED = BIT(10),
};


u64 acpi_find_rsdp(const struct physmem *mem)
{
	u64 ebda = bios_ebda(mem);
	u64 at = 0;

	if (ebda != 0)
		at = bios_scan(mem, ebda, 1024, "RSD PTR ", RSDP_V1_SIZE);
	return at != 0 ? at : bios_scan(mem, 0xe0000, 0x20000, "RSD PTR ", RSDP_V1_SIZE);
}

const struct acpi_header *acpi_table_at(const struct physmem *mem, u64 at, const char *signature)
{
	const struct acpi_header *header = physmem_map(mem, at, sizeof(*header));
	u32 length;

	if (at == 0 || header == NULL || memcmp(header->signature, signature, 4) != 0)
		return NULL;
	length = header->length;
	if (length < sizeof(*header) || length > TABLE_MAX)
		return NULL;
	header = physmem_map(mem, at, length);
	return header != NULL && bios_sum_ok(header, length) ? header : NULL;
}

/* A little-endian number of @size bytes in @table; 0 when it isn't all there. */
static u64 field(const struct acpi_header *table, u32 offset, u32 size)
{
	u64 value = 0;

	if (offset <= table->length && size <= table->length - offset)
		memcpy(&value, (const u8 *)table + offset, size);
	return value;
}

struct root {			/* the RSDT or XSDT */
	const struct acpi_header *table;	/* NULL: none */
	u32 entry_size;
	u32 entries;
};

static struct root find_root(const struct physmem *mem, u64 at)
{
	const u8 *raw = physmem_map(mem, at, RSDP_V1_SIZE);
	struct rsdp rsdp = { .revision = 0 };
	struct root root = { .entry_size = 8 };

	if (at == 0 || raw == NULL)
		return root;
	memcpy(&rsdp, raw, RSDP_V1_SIZE);
	if (rsdp.revision >= 2) {
		raw = physmem_map(mem, at, sizeof(rsdp));
		if (raw != NULL && bios_sum_ok(raw, sizeof(rsdp)))
			memcpy(&rsdp, raw, sizeof(rsdp));
	}
	root.table = acpi_table_at(mem, rsdp.xsdt, "XSDT");
	if (root.table == NULL) {
		root.table = acpi_table_at(mem, rsdp.rsdt, "RSDT");
		root.entry_size = 4;
	}
	if (root.table != NULL) {
		root.entries = (root.table->length - (u32)sizeof(*root.table)) / root.entry_size;
		root.entries = MIN(root.entries, ROOT_ENTRIES_MAX);
	}
	return root;
}

static u64 root_entry(const struct root *root, u32 n)
{
	return field(root->table, (u32)sizeof(*root->table) + n * root->entry_size, root->entry_size);
}

const struct acpi_header *acpi_find_table(const struct physmem *mem, u64 rsdp,
					  const char *signature, u32 index, u64 *at)
{
	struct root root = find_root(mem, rsdp);

	for (u32 n = 0; n < root.entries; n++) {
		u64 entry = root_entry(&root, n);
		const struct acpi_header *table = acpi_table_at(mem, entry, signature);

		if (table == NULL || index-- != 0)
			continue;
		if (at != NULL)
			*at = entry;
		return table;
	}
	return NULL;
}

/* An entry of the MADT; @type is -1 at the end, @length 0 when the entry is malformed. */
struct madt_entry {
	s32 type;
	u32 offset, length;
};

static struct madt_entry madt_next(const struct acpi_header *madt, u32 offset)
{
	struct madt_entry e = { -1, offset, 0 };

	if (offset >= madt->length)
		return e;
	e.type = (s32)field(madt, offset, 1);
	e.length = (u32)field(madt, offset + 1, 1);
	if (e.length < 2 || e.length > madt->length - offset)
		e.length = 0;
	return e;
}

static u32 flags_offset(const struct madt_entry *e)
{
	return e->offset + (e->type == MADT_X2APIC ? 8 : 4);
}

/* Is it a processor's entry, and long enough for one? */
static bool is_cpu(const struct madt_entry *e)
{
	return (e->type == MADT_LAPIC && e->length >= 8) || (e->type == MADT_X2APIC && e->length >= 16);
}

static struct acpi_cpu read_cpu(const struct acpi_header *madt, const struct madt_entry *e)
{
	bool x2apic = e->type == MADT_X2APIC;
	u32 flags = (u32)field(madt, flags_offset(e), 4);

	return (struct acpi_cpu){
		.apic_id = (u32)(x2apic ? field(madt, e->offset + 4, 4) : field(madt, e->offset + 3, 1)),
		.uid = (u32)(x2apic ? field(madt, e->offset + 12, 4) : field(madt, e->offset + 2, 1)),
		.enabled = (flags & MADT_ENABLED) != 0,
		.online_capable = (flags & (MADT_ENABLED | MADT_ONLINE_CAPABLE)) == MADT_ONLINE_CAPABLE,
		.x2apic = x2apic,
		.offset = e->offset,
	};
}

bool acpi_madt_walk(const struct acpi_header *madt,
		    void (*report)(void *ctx, const struct acpi_cpu *cpu), void *ctx)
{
	struct madt_entry e;

	if (madt->length < MADT_ENTRIES)
		return false;
	for (e = madt_next(madt, MADT_ENTRIES); e.type >= 0; e = madt_next(madt, e.offset + e.length)) {
		if (e.length == 0)
			return false;
		if (is_cpu(&e)) {
			struct acpi_cpu cpu = read_cpu(madt, &e);

			report(ctx, &cpu);
		}
	}
	return true;
}

u64 acpi_madt_lapic(const struct acpi_header *madt)
{
	u64 address = field(madt, MADT_LAPIC_ADDRESS, 4);
	struct madt_entry e = madt_next(madt, MADT_ENTRIES);

	for (; e.type >= 0 && e.length != 0; e = madt_next(madt, e.offset + e.length))
		if (e.type == MADT_LAPIC_OVERRIDE && e.length >= 12)
			address = field(madt, e.offset + 4, 8);
	return address;
}

bool acpi_madt_disable(struct acpi_header *madt, u32 offset)
{
	struct madt_entry e;
	u8 *flags;
	u8 old;

	if (offset < MADT_ENTRIES)
		return false;
	e = madt_next(madt, offset);
	if (!is_cpu(&e))
		return false;
	flags = (u8 *)madt + flags_offset(&e);
	old = *flags;
	*flags &= (u8)~(MADT_ENABLED | MADT_ONLINE_CAPABLE);
	madt->checksum = (u8)(madt->checksum + old - *flags);
	return true;
}

static struct acpi_gas read_gas(const struct acpi_header *table, u32 offset)
{
	return (struct acpi_gas){
		.space = (u8)field(table, offset, 1),
		.bit_width = (u8)field(table, offset + 1, 1),
		.bit_offset = (u8)field(table, offset + 2, 1),
		.access_size = (u8)field(table, offset + 3, 1),
		.address = field(table, offset + 4, 8),
	};
}

/* The extended block when it is there, else the I/O port of ACPI 1.0. */
static struct acpi_gas read_block(const struct acpi_header *fadt, u32 extended, u32 port, u32 length)
{
	struct acpi_gas gas = read_gas(fadt, extended);

	if (gas.address != 0)
		return gas;
	return (struct acpi_gas){
		.space = ACPI_SPACE_IO,
		.bit_width = (u8)(field(fadt, length, 1) * 8),
		.address = field(fadt, port, 4),
	};
}

static u64 read_pointer(const struct acpi_header *fadt, u32 extended, u32 old)
{
	u64 at = field(fadt, extended, 8);

	return at != 0 ? at : field(fadt, old, 4);
}

bool acpi_read_fadt(const struct acpi_header *fadt, struct acpi_power *out)
{
	memset(out, 0, sizeof(*out));
	if (fadt->length < FADT_RESET)		/* ACPI 1.0 ends there */
		return false;
	out->pm1a_control = read_block(fadt, FADT_X_PM1A_CONTROL, FADT_PM1A_CONTROL,
				       FADT_PM1_CONTROL_LENGTH);
	out->pm1b_control = read_block(fadt, FADT_X_PM1B_CONTROL, FADT_PM1B_CONTROL,
				       FADT_PM1_CONTROL_LENGTH);
	out->dsdt = read_pointer(fadt, FADT_X_DSDT, FADT_DSDT);
	out->facs = read_pointer(fadt, FADT_X_FACS, FADT_FACS);
	if (field(fadt, FADT_FLAGS, 4) & FADT_RESET_SUPPORTED) {
		out->reset = read_gas(fadt, FADT_RESET);
		out->reset_value = (u8)field(fadt, FADT_RESET_VALUE, 1);
	}
	return true;
}

/* Takes the states that @table defines and that aren't known yet. */
static void take_sleep(const struct acpi_header *table, struct acpi_sleep out[6])
{
	const u8 *aml = (const u8 *)(table + 1);

	for (u32 state = 0; state < 6; state++)
		if (!out[state].known)
			out[state].known = aml_find_sleep(aml, table->length - (u32)sizeof(*table), state,
							  &out[state].slp_typ_a, &out[state].slp_typ_b);
}

void acpi_find_sleep(const struct physmem *mem, u64 rsdp, u64 dsdt, struct acpi_sleep out[6])
{
	const struct acpi_header *table = acpi_table_at(mem, dsdt, "DSDT");
	struct root root = find_root(mem, rsdp);

	memset(out, 0, 6 * sizeof(out[0]));
	if (table != NULL)
		take_sleep(table, out);
	for (u32 n = 0; n < root.entries; n++) {
		table = acpi_table_at(mem, root_entry(&root, n), "SSDT");
		if (table != NULL)
			take_sleep(table, out);
	}
}
