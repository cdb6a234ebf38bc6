/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables: an honest machine, then each pointer, length and checksum wrong.
 * Links: xmhf/lib/acpi.c xmhf/lib/aml.c xmhf/lib/bios.c
 */
#include "unit.h"
#include "fake_memory.h"

#include "lib/acpi.h"
#include "lib/aml.h"

#define EBDA	0x9fc00u
#define RSDP	0xf5a40u
#define RSDT	0xe1000u
#define XSDT	0xe1200u
#define MADT	0xe2000u
#define FADT	0xe3000u
#define DSDT	0xe4000u
#define SSDT	0xe5000u

static struct fake_memory *f;

static void put8(u64 at, u8 v) { fake_put(f, at, &v, 1); }
static void put32(u64 at, u32 v) { fake_put(f, at, &v, 4); }
static void put64(u64 at, u64 v) { fake_put(f, at, &v, 8); }

static void seal_table(u64 at)
{
	u32 length;

	memcpy(&length, f->bytes + at + 4, 4);
	fake_seal(f, at, length, 9);
}

static void put_table(u64 at, const char *signature, const void *body, u32 length)
{
	fake_put(f, at, signature, 4);
	put32(at + 4, 36 + length);
	put8(at + 8, 5);
	fake_put(f, at + 36, body, length);
	seal_table(at);
}

static void put_rsdp(u64 at, u8 revision)
{
	fake_put(f, at, "RSD PTR ", 8);
	put8(at + 15, revision);
	put32(at + 16, RSDT);
	put32(at + 20, 36);
	put64(at + 24, XSDT);
	fake_seal(f, at, 20, 8);
	fake_seal(f, at, 36, 32);
}

static const u8 madt_body[] = {
	0x00, 0x00, 0xe0, 0xfe, 1, 0, 0, 0,
	0, 8, 1, 0, 1, 0, 0, 0,				/* uid 1, id 0, enabled */
	0, 8, 2, 4, 0, 0, 0, 0,				/* uid 2, id 4, disabled */
	1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,	/* an I/O APIC */
	0, 8, 3, 6, 2, 0, 0, 0,				/* uid 3, id 6, online-capable */
	9, 16, 0, 0, 0x34, 0x12, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0,	/* uid 9, id 0x1234, enabled */
	5, 12, 0, 0, 0, 0, 0, 0xfd, 1, 0, 0, 0,		/* local APICs at 0x1fd000000 */
};

static const u8 dsdt_body[] = {
	0xa0, 0x05, 0x08, '_', 'S', '5',			/* half a name, cut off by the next */
	0x08, '_', 'S', '0', '_', 0x12, 0x06, 4, 0x00, 0x00, 0x00, 0x00,
	0x08, '\\', '_', 'S', '3', '_', 0x12, 0x08, 4, 0x0a, 5, 0x0a, 6, 0, 0,
	0x08, '_', 'S', '5', '_', 0x12, 0x09, 4, 0x0a, 7, 0x0b, 7, 0, 0x00, 0x00,
};

static const u8 ssdt_body[] = {
	0x08, '_', 'S', '4', '_', 0x12, 0x07, 4, 0x01, 0x0a, 6, 0, 0,
	0x08, '_', 'S', '3', '_', 0x12, 0x06, 4, 0x01, 0x01, 0, 0,	/* the DSDT's is first */
};

static void machine(u8 revision)
{
	u32 rsdt[] = { FADT, MADT, SSDT };
	u64 xsdt[] = { FADT, MADT, 0x123456789000, SSDT };
	u8 fadt[232 - 36] = { 0 };

	f = fake_new(0, 1 << 20);
	put_rsdp(RSDP, revision);
	put_table(RSDT, "RSDT", rsdt, sizeof(rsdt));
	put_table(XSDT, "XSDT", xsdt, sizeof(xsdt));
	put_table(MADT, "APIC", madt_body, sizeof(madt_body));
	put_table(FADT, "FACP", fadt, sizeof(fadt));
	put_table(DSDT, "DSDT", dsdt_body, sizeof(dsdt_body));
	put_table(SSDT, "SSDT", ssdt_body, sizeof(ssdt_body));
	put32(FADT + 40, DSDT);
	put32(FADT + 64, 0x604);
	put8(FADT + 89, 2);
	seal_table(FADT);
}

static void done(void) { fake_free(f); }

static const struct acpi_header *find(const char *signature)
{
	return acpi_find_table(&f->mem, acpi_find_rsdp(&f->mem), signature, 0, NULL);
}

static struct acpi_cpu cpus[512];
static u32 cpu_count;

static void note_cpu(void *ctx, const struct acpi_cpu *cpu)
{
	assert_ptr_equal(ctx, cpus);
	assert_true(cpu_count < ARRAY_SIZE(cpus));
	cpus[cpu_count++] = *cpu;
}

static bool walk_madt(const struct acpi_header *madt)
{
	cpu_count = 0;
	return acpi_madt_walk(madt, note_cpu, cpus);
}

PROMISE(the_root_pointer_is_found_in_the_bios_and_first_in_the_ebda)
{
	machine(0);
	assert_int_equal(acpi_find_rsdp(&f->mem), RSDP);
	put8(0x40e, EBDA >> 4 & 0xff);
	put8(0x40f, EBDA >> 12);
	assert_int_equal(acpi_find_rsdp(&f->mem), RSDP);
	put_rsdp(EBDA + 1024 - 16, 0);
	assert_int_equal(acpi_find_rsdp(&f->mem), 0xf5a40);	/* sticks out of the EBDA's first KiB */
	put_rsdp(EBDA + 0x20, 0);
	assert_int_equal(acpi_find_rsdp(&f->mem), EBDA + 0x20);
	done();
}

PROMISE(a_root_pointer_must_add_up_and_be_aligned)
{
	machine(0);
	put8(RSDP + 10, 0x55);
	assert_int_equal(acpi_find_rsdp(&f->mem), 0);
	assert_null(find("APIC"));
	done();
	machine(0);
	memset(f->bytes + RSDP, 0, 36);
	put_rsdp(RSDP + 8, 0);
	assert_int_equal(acpi_find_rsdp(&f->mem), 0);
	done();
}

PROMISE(tables_are_found_by_rsdt_and_xsdt)
{
	u64 at;

	for (u8 revision = 0; revision <= 2; revision += 2) {
		machine(revision);
		assert_non_null(acpi_find_table(&f->mem, RSDP, "APIC", 0, &at));
		assert_int_equal(at, MADT);
		assert_non_null(find("SSDT"));
		assert_null(find("DMAR"));
		assert_null(acpi_find_table(&f->mem, RSDP, "SSDT", 1, &at));
		assert_null(acpi_find_table(&f->mem, 0, "APIC", 0, &at));
		done();
	}
}

PROMISE(a_broken_xsdt_falls_back_to_the_rsdt)
{
	machine(2);
	put8(XSDT + 20, 0x77);
	assert_non_null(find("APIC"));
	done();
	machine(2);
	put8(RSDP + 32, 0x77);		/* the extended checksum: XSDT's address isn't trusted */
	put64(RSDP + 24, 0);
	assert_non_null(find("APIC"));
	done();
}

PROMISE(the_same_signature_is_counted)
{
	u64 at;

	machine(0);
	put32(RSDT + 36, SSDT);		/* instead of the FADT */
	seal_table(RSDT);
	assert_non_null(acpi_find_table(&f->mem, RSDP, "SSDT", 1, &at));
	assert_null(acpi_find_table(&f->mem, RSDP, "SSDT", 2, &at));
	done();
}

PROMISE(tables_with_a_wrong_length_or_sum_are_not_used)
{
	static const u32 lengths[] = { 0, 1, 35, 36 + 1000000, 0x7fffffff, 0xffffffff };

	for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
		machine(0);
		put32(MADT + 4, lengths[i]);
		assert_null(find("APIC"));
		put32(RSDT + 4, lengths[i]);
		assert_null(find("FACP"));
		done();
	}
	machine(0);
	put8(MADT + 60, 0x99);
	assert_null(find("APIC"));
	done();
}

PROMISE(processors_are_listed_with_their_state)
{
	const struct acpi_header *madt;

	machine(0);
	madt = find("APIC");
	assert_true(walk_madt(madt));
	assert_int_equal(cpu_count, 4);
	assert_true(cpus[0].apic_id == 0 && cpus[0].uid == 1 && cpus[0].enabled && !cpus[0].x2apic);
	assert_true(cpus[1].apic_id == 4 && !cpus[1].enabled && !cpus[1].online_capable);
	assert_true(cpus[2].apic_id == 6 && !cpus[2].enabled && cpus[2].online_capable);
	assert_true(cpus[3].apic_id == 0x1234 && cpus[3].uid == 9 && cpus[3].enabled && cpus[3].x2apic);
	assert_true(acpi_madt_lapic(madt) == 0x1fd000000);
	done();
}

PROMISE(a_malformed_entry_ends_the_walk_after_those_before)
{
	for (u32 length = 0; length < 256; length++) {
		machine(0);
		put8(MADT + 44 + 16 + 1, (u8)length);	/* of the I/O APIC's entry */
		seal_table(MADT);
		walk_madt(find("APIC"));
		assert_true(cpu_count >= 2);
		if (length < 2 || length > sizeof(madt_body) - 8 - 16)
			assert_false(walk_madt(find("APIC")));
		done();
	}
}

PROMISE(a_madt_cut_anywhere_is_survived)
{
	for (u32 length = 0; length < sizeof(madt_body); length++) {
		const struct acpi_header *madt;

		machine(0);
		put_table(MADT, "APIC", madt_body, length);
		madt = find("APIC");
		walk_madt(madt);
		acpi_madt_lapic(madt);
		done();
	}
}

PROMISE(a_disabled_processor_stays_out_and_the_sum_right)
{
	struct acpi_header *madt = malloc(36 + sizeof(madt_body));

	machine(0);
	memcpy(madt, find("APIC"), 36 + sizeof(madt_body));
	walk_madt(madt);
	for (u32 i = 0; i < 4; i++)
		assert_true(acpi_madt_disable(madt, cpus[i].offset));
	fake_put(f, MADT, madt, 36 + sizeof(madt_body));
	assert_true(walk_madt(find("APIC")));
	assert_int_equal(cpu_count, 4);
	for (u32 i = 0; i < 4; i++)
		assert_true(!cpus[i].enabled && !cpus[i].online_capable);
	assert_int_equal(cpus[3].apic_id, 0x1234);
	free(madt);
	done();
}

PROMISE(disabling_what_is_no_processor_is_refused)
{
	static const u32 offsets[] = { 0, 4, 43, 44 + 16, 36 + sizeof(madt_body), 36 + sizeof(madt_body) - 1, ~0u };
	struct acpi_header *madt = malloc(36 + sizeof(madt_body));

	machine(0);
	memcpy(madt, find("APIC"), 36 + sizeof(madt_body));
	for (u32 i = 0; i < ARRAY_SIZE(offsets); i++)
		assert_false(acpi_madt_disable(madt, offsets[i]));
	assert_memory_equal(madt, find("APIC"), 36 + sizeof(madt_body));
	free(madt);
	done();
}

PROMISE(power_registers_come_from_the_old_or_the_extended_fields)
{
	struct acpi_power power;

	machine(0);
	assert_true(acpi_read_fadt(find("FACP"), &power));
	assert_int_equal(power.pm1a_control.space, ACPI_SPACE_IO);
	assert_int_equal(power.pm1a_control.address, 0x604);
	assert_int_equal(power.pm1a_control.bit_width, 16);
	assert_int_equal(power.pm1b_control.address, 0);
	assert_int_equal(power.reset.address, 0);
	assert_int_equal(power.dsdt, DSDT);

	put32(FADT + 112, 1 << 10);
	put8(FADT + 116, ACPI_SPACE_IO);
	put64(FADT + 120, 0xcf9);
	put8(FADT + 128, 6);
	put8(FADT + 172, ACPI_SPACE_MEMORY);
	put64(FADT + 176, 0x1fed00000);
	put64(FADT + 140, 0x123456789000);
	seal_table(FADT);
	assert_true(acpi_read_fadt(find("FACP"), &power));
	assert_int_equal(power.reset.address, 0xcf9);
	assert_int_equal(power.reset_value, 6);
	assert_int_equal(power.pm1a_control.space, ACPI_SPACE_MEMORY);
	assert_true(power.pm1a_control.address == 0x1fed00000);
	assert_true(power.dsdt == 0x123456789000);
	done();
}

PROMISE(a_fadt_of_any_length_is_survived)
{
	struct acpi_power power;
	u8 body[300];

	memset(body, 0xff, sizeof(body));
	for (u32 length = 0; length < sizeof(body); length++) {
		machine(0);
		put_table(FADT, "FACP", body, length);
		assert_int_equal(acpi_read_fadt(find("FACP"), &power), 36 + length >= 116);
		if (length < 140)
			assert_int_equal(power.pm1a_control.address, 36 + length >= 116 ? 0xffffffff : 0);
		done();
	}
}

PROMISE(sleep_states_come_from_dsdt_and_ssdt)
{
	struct acpi_sleep sleep[6];

	machine(2);
	acpi_find_sleep(&f->mem, RSDP, DSDT, sleep);
	assert_true(sleep[0].known && sleep[0].slp_typ_a == 0 && sleep[0].slp_typ_b == 0);
	assert_true(sleep[3].known && sleep[3].slp_typ_a == 5 && sleep[3].slp_typ_b == 6);
	assert_true(sleep[4].known && sleep[4].slp_typ_a == 1 && sleep[4].slp_typ_b == 6);
	assert_true(sleep[5].known && sleep[5].slp_typ_a == 7 && sleep[5].slp_typ_b == 7);
	assert_false(sleep[1].known || sleep[2].known);
	acpi_find_sleep(&f->mem, 0, 0, sleep);
	assert_false(sleep[5].known);
	done();
}

/* Is the body a well-formed _S5_, from memory that ends with it? */
static bool s5(const void *body, u32 length, u8 *a, u8 *b)
{
	u8 *exact = malloc(length);
	bool found;

	memcpy(exact, body, length);
	found = aml_find_sleep(exact, length, 5, a, b);
	free(exact);
	return found;
}

PROMISE(sleep_packages_cut_anywhere_are_survived)
{
	const u8 *body = dsdt_body + 33;	/* the last object */
	u8 a, b;

	for (u32 length = 1; length < sizeof(dsdt_body) - 33; length++)
		assert_false(s5(body, length, &a, &b));
	assert_true(s5(body, sizeof(dsdt_body) - 33, &a, &b));
}

PROMISE(packages_in_all_their_encodings_are_read)
{
	static const u8 one[] = { 8, '_', 'S', '5', '_', 0x12, 5, 1, 0x0b, 0x03, 0x05 };
	static const u8 two_byte_length[] = { 8, '_', 'S', '5', '_', 0x12, 0x46, 0, 2, 0x0a, 1, 1 };
	static const u8 wide[] = { 8, '_', 'S', '5', '_', 0x12, 16, 2, 0x0e, 2, 0, 0, 0, 0, 0, 0, 0, 0x0c, 4, 0, 0, 0 };
	u8 a, b;

	assert_true(s5(one, sizeof(one), &a, &b));
	assert_true(a == 3 && b == 5);
	assert_true(s5(two_byte_length, sizeof(two_byte_length), &a, &b));
	assert_true(a == 1 && b == 1);
	assert_true(s5(wide, sizeof(wide), &a, &b));
	assert_true(a == 2 && b == 4);
}

PROMISE(packages_that_are_not_two_small_integers_are_refused)
{
	static const u8 empty[] = { 8, '_', 'S', '5', '_', 0x12, 2, 0, 0, 0 };
	static const u8 big[] = { 8, '_', 'S', '5', '_', 0x12, 5, 2, 0x0a, 8, 0 };
	static const u8 name[] = { 8, '_', 'S', '5', '_', 0x12, 7, 2, 'A', 'B', 'C', 'D', 0 };
	static const u8 length_zero[] = { 8, '_', 'S', '5', '_', 0x12, 0, 2, 0, 0 };
	static const u8 too_long[] = { 8, '_', 'S', '5', '_', 0x12, 5, 2, 0, 0 };
	static const u8 huge[] = { 8, '_', 'S', '5', '_', 0x12, 0xcf, 0xff, 0xff, 0xff, 2, 0, 0 };
	static const u8 ends_early[] = { 8, '_', 'S', '5', '_', 0x12, 3, 2, 1, 1, 1 };
	u8 a, b;

	assert_false(s5(empty, sizeof(empty), &a, &b));
	assert_false(s5(big, sizeof(big), &a, &b));
	assert_false(s5(name, sizeof(name), &a, &b));
	assert_false(s5(length_zero, sizeof(length_zero), &a, &b));
	assert_false(s5(too_long, sizeof(too_long), &a, &b));
	assert_false(s5(huge, sizeof(huge), &a, &b));
	assert_false(s5(ends_early, sizeof(ends_early), &a, &b));
}

RUN(T(the_root_pointer_is_found_in_the_bios_and_first_in_the_ebda),
    T(a_root_pointer_must_add_up_and_be_aligned), T(tables_are_found_by_rsdt_and_xsdt),
    T(a_broken_xsdt_falls_back_to_the_rsdt), T(the_same_signature_is_counted),
    T(tables_with_a_wrong_length_or_sum_are_not_used), T(processors_are_listed_with_their_state),
    T(a_malformed_entry_ends_the_walk_after_those_before), T(a_madt_cut_anywhere_is_survived),
    T(a_disabled_processor_stays_out_and_the_sum_right), T(disabling_what_is_no_processor_is_refused),
    T(power_registers_come_from_the_old_or_the_extended_fields), T(a_fadt_of_any_length_is_survived),
    T(sleep_states_come_from_dsdt_and_ssdt), T(sleep_packages_cut_anywhere_are_survived),
    T(packages_in_all_their_encodings_are_read),
    T(packages_that_are_not_two_small_integers_are_refused))
