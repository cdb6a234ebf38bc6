/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Intel MP tables. Section numbers are those of the MultiProcessor specification 1.4.
 */
#include "mptable.h"
#include "bios.h"
#include "string.h"

struct mp_floating {		/* 4.1 */
	char signature[4];
	u32 config;		/* physical address of the configuration table, 0: none */
	u8 length;		/* in 16 bytes */
	u8 revision;
	u8 checksum;
	u8 features[5];		/* the first, not 0: a default configuration */
} PACKED;
_Static_assert(sizeof(struct mp_floating) == 16, "MP 4.1");

struct mp_config {		/* 4.2 */
	char signature[4];
	u16 length;		/* of the base table, this header included */
	u8 revision;
	u8 checksum;
	char oem_id[8];
	char product_id[12];
	u32 oem_table;
	u16 oem_table_length;
	u16 entries;
	u32 lapic;
	u16 extended_length;
	u8 extended_checksum;
	u8 reserved;
} PACKED;
_Static_assert(sizeof(struct mp_config) == 44, "MP 4.2");

struct mp_processor {		/* 4.3.1 */
	u8 type;
	u8 apic_id;
	u8 apic_version;
	u8 flags;
	u32 signature;
	u32 features;
	u32 reserved[2];
} PACKED;
_Static_assert(sizeof(struct mp_processor) == 20, "MP 4.3.1");

enum {
	ENTRY_PROCESSOR = 0,
	ENTRY_LAST_KNOWN = 4,	/* bus, I/O APIC, two kinds of interrupt assignment: 8 bytes each */
	ENTRY_OTHER_SIZE = 8,
	CPU_ENABLED = BIT(0),
	CPU_BSP = BIT(1),
};

#define LAPIC_DEFAULT	0xfee00000u

typedef void (*mp_report)(void *ctx, const struct mp_cpu *cpu);

static u64 scan(const struct physmem *mem, u64 from, u64 length)
{
	return bios_scan(mem, from, length, "_MP_", sizeof(struct mp_floating));
}

/* 4: the first KiB of the EBDA, else the last KiB of base memory; then the BIOS. */
u64 mp_find(const struct physmem *mem)
{
	u64 ebda = bios_ebda(mem);
	u64 end = bios_base_memory(mem);
	u64 at = 0;

	if (ebda != 0)
		at = scan(mem, ebda, 1024);
	if (at == 0 && end >= 2048)
		at = scan(mem, end - 1024, 1024);
	return at != 0 ? at : scan(mem, 0xf0000, 0x10000);
}

/* 5: two processors, 0 and 1. */
static void report_default(u64 *lapic, mp_report report, void *ctx)
{
	*lapic = LAPIC_DEFAULT;
	for (u8 id = 0; id < 2; id++) {
		struct mp_cpu cpu = { .apic_id = id, .enabled = true, .bsp = id == 0 };

		report(ctx, &cpu);
	}
}

static bool walk_entries(const u8 *table, const struct mp_config *config, mp_report report, void *ctx)
{
	u32 at = sizeof(*config);

	for (u32 entries = config->entries; entries != 0; entries--) {
		u32 left = config->length - at;
		struct mp_processor p;
		u32 size = ENTRY_OTHER_SIZE;

		if (left == 0 || table[at] > ENTRY_LAST_KNOWN)
			return false;
		if (table[at] == ENTRY_PROCESSOR)
			size = sizeof(p);
		if (left < size)
			return false;
		if (table[at] == ENTRY_PROCESSOR) {
			struct mp_cpu cpu = { .offset = at };

			memcpy(&p, table + at, sizeof(p));
			cpu.apic_id = p.apic_id;
			cpu.enabled = (p.flags & CPU_ENABLED) != 0;
			cpu.bsp = (p.flags & CPU_BSP) != 0;
			report(ctx, &cpu);
		}
		at += size;
	}
	return true;
}

static bool read_floating(const struct physmem *mem, u64 floating, struct mp_floating *f)
{
	const void *raw = physmem_map(mem, floating, sizeof(*f));

	if (raw != NULL)
		memcpy(f, raw, sizeof(*f));
	return raw != NULL;
}

/* All of the configuration table, and its header; NULL: none that is whole. */
static const u8 *read_config(const struct physmem *mem, const struct mp_floating *f, struct mp_config *config)
{
	const void *raw = f->config != 0 ? physmem_map(mem, f->config, sizeof(*config)) : NULL;

	if (raw == NULL)
		return NULL;
	memcpy(config, raw, sizeof(*config));
	if (memcmp(config->signature, "PCMP", 4) != 0 || config->length < sizeof(*config))
		return NULL;
	raw = physmem_map(mem, f->config, config->length);
	return raw != NULL && bios_sum_ok(raw, config->length) ? raw : NULL;
}

bool mp_walk(const struct physmem *mem, u64 floating, u64 *lapic, mp_report report, void *ctx)
{
	struct mp_floating f;
	struct mp_config config;
	const u8 *table;
	u64 lapic_at;

	if (!read_floating(mem, floating, &f))
		return false;
	if (f.features[0] != 0) {
		report_default(lapic != NULL ? lapic : &lapic_at, report, ctx);
		return true;
	}
	table = read_config(mem, &f, &config);
	if (table == NULL)
		return false;
	if (lapic != NULL)
		*lapic = config.lapic;
	return walk_entries(table, &config, report, ctx);
}

u64 mp_config(const struct physmem *mem, u64 floating)
{
	struct mp_floating f;
	struct mp_config config;

	if (!read_floating(mem, floating, &f) || f.features[0] != 0 || read_config(mem, &f, &config) == NULL)
		return 0;
	return f.config;
}

bool mp_disable(void *table, u32 offset)
{
	struct mp_config config;
	struct mp_processor p;
	u8 *entry = (u8 *)table + offset;

	memcpy(&config, table, sizeof(config));
	if (offset < sizeof(config) || config.length < sizeof(p) || offset > config.length - sizeof(p))
		return false;
	memcpy(&p, entry, sizeof(p));
	if (p.type != ENTRY_PROCESSOR)
		return false;
	if (p.flags & CPU_ENABLED) {
		p.flags &= (u8)~CPU_ENABLED;
		config.checksum += CPU_ENABLED;
	}
	memcpy(entry, &p, sizeof(p));
	memcpy(table, &config, sizeof(config));
	return true;
}
