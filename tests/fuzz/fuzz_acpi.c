/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine whose tables come from the input, with right checksums so that they are read; and
 * whatever is found in memory that is the input alone.
 * Links: xmhf/lib/acpi.c xmhf/lib/aml.c xmhf/lib/bios.c
 */
#include "fuzz.h"
#include "fake_memory.h"

#include "lib/acpi.h"

#define RSDP		0xe0000u
#define ROOT		0xe0100u
#define TABLES		0xe1000u
#define TABLE_ROOM	0x800u
#define TABLE_COUNT	6u
#define MEMORY		(TABLES + TABLE_COUNT * TABLE_ROOM)

static const char *const signatures[TABLE_COUNT] = { "APIC", "FACP", "SSDT", "DSDT", "APIC", "SSDT" };
static struct fake_memory f;
static u8 bytes[MEMORY];

static void count_cpu(void *ctx, const struct acpi_cpu *cpu)
{
	MUST(!(cpu->enabled && cpu->online_capable));
	++*(u32 *)ctx;
}

static void use_madt(const struct acpi_header *madt)
{
	struct acpi_header *copy = malloc(madt->length);
	u32 count = 0, after = 0;

	memcpy(copy, madt, madt->length);
	acpi_madt_walk(copy, count_cpu, &count);
	acpi_madt_lapic(copy);
	for (u32 offset = 0; offset < madt->length + 8; offset++)
		acpi_madt_disable(copy, offset);
	acpi_madt_walk(copy, count_cpu, &after);
	free(copy);
}

static void use(u64 rsdp)
{
	struct acpi_power power = { .dsdt = 0 };
	struct acpi_sleep sleep[6];
	const struct acpi_header *table;

	for (u32 i = 0; i < 3; i++) {
		table = acpi_find_table(&f.mem, rsdp, "APIC", i, NULL);
		if (table != NULL)
			use_madt(table);
	}
	table = acpi_find_table(&f.mem, rsdp, "FACP", 0, NULL);
	if (table != NULL)
		acpi_read_fadt(table, &power);
	acpi_find_sleep(&f.mem, rsdp, power.dsdt, sleep);
	acpi_find_sleep(&f.mem, rsdp, TABLES + 3 * TABLE_ROOM, sleep);
	for (u32 i = 0; i < 6; i++)
		MUST(!sleep[i].known || (sleep[i].slp_typ_a <= 7 && sleep[i].slp_typ_b <= 7));
}

static void seal(u64 at, u32 length, u64 checksum)
{
	if (length <= MEMORY - at)
		fake_seal(&f, at, length, checksum);
}

/* Each table's header says its length, mostly the true one. */
static void build(struct input *in)
{
	bool xsdt = input_take(in, 1) & 1;
	u32 step = xsdt ? 8 : 4;
	u32 length = 36 + TABLE_COUNT * step;

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes + RSDP, "RSD PTR ", 8);
	bytes[RSDP + 15] = xsdt ? 2 : 0;
	memcpy(bytes + RSDP + (xsdt ? 24 : 16), &(u32){ ROOT }, 4);
	fake_seal(&f, RSDP, 20, 8);
	fake_seal(&f, RSDP, 36, 32);
	memcpy(bytes + ROOT, xsdt ? "XSDT" : "RSDT", 4);
	for (u32 i = 0; i < TABLE_COUNT; i++) {
		u32 at = TABLES + i * TABLE_ROOM;
		u32 body = (u32)input_take(in, 2) % (TABLE_ROOM - 36);
		u32 says;

		body = (u32)MIN(body, in->left);
		says = 36 + body;
		memcpy(bytes + at + 36, in->at, body);
		in->at += body;
		in->left -= body;
		if (input_take(in, 1) > 240)
			says = (u32)input_take(in, 4);
		memcpy(bytes + at, signatures[i], 4);
		memcpy(bytes + at + 4, &says, 4);
		seal(at, says, 9);
		memcpy(bytes + ROOT + 36 + i * step, &at, 4);
	}
	if (input_take(in, 1) > 240)
		length = (u32)input_take(in, 4);
	memcpy(bytes + ROOT + 4, &length, 4);
	seal(ROOT, length, 9);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };

	f.mem = (struct physmem){ fake_map, &f };
	f.bytes = bytes;
	f.base = 0;
	f.size = sizeof(bytes);
	build(&in);
	use(acpi_find_rsdp(&f.mem));

	f.bytes = (u8 *)(uptr)data;	/* now the input alone, as the BIOS area */
	f.base = 0xe0000;
	f.size = size;
	use(acpi_find_rsdp(&f.mem));
	use(0xe0000);
	for (u32 i = 0; i < f.pieces; i++)
		free(f.piece[i]);
	f.pieces = 0;
	return 0;
}
