/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel MP tables: where they are found, who is listed, and what malformed ones do.
 * Links: xmhf/lib/mptable.c xmhf/lib/bios.c
 */
#include "unit.h"
#include "fake_memory.h"

#include "lib/mptable.h"

#define FLOATING	0xf6a00u
#define CONFIG		0xf6b00u

static const u8 entries[] = {
	0, 0, 0x14, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,	/* id 0, enabled, BSP */
	0, 5, 0x14, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,	/* id 5, enabled */
	1, 0, 'P', 'C', 'I', ' ', ' ', ' ',
	0, 7, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,	/* id 7, disabled */
	2, 8, 0x11, 1, 0, 0, 0xc0, 0xfe,
};

static struct fake_memory *f;
static struct mp_cpu cpus[512];
static u32 cpu_count;

static void put8(u64 at, u8 v) { fake_put(f, at, &v, 1); }
static void put16(u64 at, u16 v) { fake_put(f, at, &v, 2); }
static void put32(u64 at, u32 v) { fake_put(f, at, &v, 4); }

static void put_floating(u64 at, u32 config, u8 feature)
{
	memset(f->bytes + at, 0, 16);
	fake_put(f, at, "_MP_", 4);
	put32(at + 4, config);
	put8(at + 8, 1);
	put8(at + 9, 4);
	put8(at + 11, feature);
	fake_seal(f, at, 16, 10);
}

static void put_config(u32 length, u16 count)
{
	fake_put(f, CONFIG, "PCMP", 4);
	put16(CONFIG + 4, (u16)(44 + length));
	put16(CONFIG + 34, count);
	put32(CONFIG + 36, 0xfee01000);
	fake_put(f, CONFIG + 44, entries, sizeof(entries));
	fake_seal(f, CONFIG, 44 + length, 7);
}

static void machine(void)
{
	f = fake_new(0, 1 << 20);
	put_floating(FLOATING, CONFIG, 0);
	put_config(sizeof(entries), 5);
}

static void done(void) { fake_free(f); }

static void note(void *ctx, const struct mp_cpu *cpu)
{
	assert_ptr_equal(ctx, cpus);
	assert_true(cpu_count < ARRAY_SIZE(cpus));
	cpus[cpu_count++] = *cpu;
}

static bool walk_mp(u64 *lapic)
{
	cpu_count = 0;
	return mp_walk(&f->mem, mp_find(&f->mem), lapic, note, cpus);
}

PROMISE(processors_are_listed_with_their_state)
{
	u64 lapic;

	machine();
	assert_true(walk_mp(&lapic));
	assert_int_equal(lapic, 0xfee01000);
	assert_int_equal(cpu_count, 3);
	assert_true(cpus[0].apic_id == 0 && cpus[0].enabled && cpus[0].bsp);
	assert_true(cpus[1].apic_id == 5 && cpus[1].enabled && !cpus[1].bsp);
	assert_true(cpus[2].apic_id == 7 && !cpus[2].enabled);
	assert_true(walk_mp(NULL));
	done();
}

PROMISE(the_structure_is_looked_for_in_the_specified_places)
{
	machine();
	assert_int_equal(mp_find(&f->mem), FLOATING);
	put16(0x413, 639);
	put_floating(639 * 1024 - 16, CONFIG, 0);
	assert_int_equal(mp_find(&f->mem), 639 * 1024 - 16);
	put16(0x40e, 0x9fc0);
	put_floating(0x9fc00 + 0x100, CONFIG, 0);
	assert_int_equal(mp_find(&f->mem), 0x9fd00);
	done();
	machine();
	put8(FLOATING + 3, '?');
	assert_int_equal(mp_find(&f->mem), 0);
	assert_false(walk_mp(NULL));
	done();
}

PROMISE(a_default_configuration_has_two_processors)
{
	u64 lapic;

	machine();
	put_floating(FLOATING, 0, 5);
	assert_true(walk_mp(&lapic));
	assert_int_equal(lapic, 0xfee00000);
	assert_int_equal(cpu_count, 2);
	assert_true(cpus[0].bsp && !cpus[1].bsp && cpus[1].enabled && cpus[1].apic_id == 1);
	assert_true(walk_mp(NULL));
	done();
}

PROMISE(a_configuration_out_of_reach_or_broken_is_refused)
{
	static const u32 places[] = { 0, 0xfffff, 0x100000, 0xffffffff };

	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		machine();
		put_floating(FLOATING, places[i], 0);
		assert_false(walk_mp(NULL));
		done();
	}
	machine();
	put8(CONFIG + 50, 0x12);
	assert_false(walk_mp(NULL));
	assert_int_equal(cpu_count, 0);
	done();
	machine();
	put16(CONFIG + 4, 43);
	assert_false(walk_mp(NULL));
	put16(CONFIG + 4, 0xffff);
	assert_false(walk_mp(NULL));
	done();
}

PROMISE(a_table_cut_anywhere_is_refused_after_what_was_whole)
{
	for (u32 length = 0; length < sizeof(entries); length++) {
		machine();
		put_config(length, 5);
		assert_false(walk_mp(NULL));
		assert_int_equal(cpu_count, length >= 68 ? 3 : length / 20 > 2 ? 2 : length / 20);
		done();
	}
}

PROMISE(unknown_entries_and_wrong_counts_end_the_walk)
{
	machine();
	put8(CONFIG + 44 + 40, 77);
	fake_seal(f, CONFIG, 44 + sizeof(entries), 7);
	assert_false(walk_mp(NULL));
	assert_int_equal(cpu_count, 2);
	put_config(sizeof(entries), 0xffff);
	assert_false(walk_mp(NULL));
	assert_int_equal(cpu_count, 3);
	done();
}

PROMISE(a_processor_disabled_is_the_only_change_and_the_table_stays_whole)
{
	machine();
	assert_true(walk_mp(NULL));
	u32 offset = cpus[1].offset;
	assert_int_equal(mp_config(&f->mem, FLOATING), CONFIG);
	for (u32 twice = 0; twice < 2; twice++) {
		assert_true(mp_disable(f->bytes + CONFIG, offset));
		assert_true(walk_mp(NULL));
		assert_int_equal(cpu_count, 3);
		assert_true(cpus[0].enabled && cpus[0].bsp && !cpus[1].enabled && cpus[1].apic_id == 5 && !cpus[2].enabled);
	}
	done();
}

PROMISE(what_is_no_processor_entry_is_not_disabled)
{
	u8 before[44 + sizeof(entries)];

	machine();
	memcpy(before, f->bytes + CONFIG, sizeof(before));
	assert_false(mp_disable(f->bytes + CONFIG, 0));
	assert_false(mp_disable(f->bytes + CONFIG, 43));
	assert_false(mp_disable(f->bytes + CONFIG, 44 + 40));			/* a bus */
	assert_false(mp_disable(f->bytes + CONFIG, 44 + sizeof(entries) - 19));	/* its end is beyond the table's */
	assert_false(mp_disable(f->bytes + CONFIG, 0xffffffff));
	assert_memory_equal(before, f->bytes + CONFIG, sizeof(before));
	done();
}

PROMISE(a_default_configuration_has_no_table_to_change)
{
	machine();
	put_floating(FLOATING, CONFIG, 5);
	assert_int_equal(mp_config(&f->mem, FLOATING), 0);
	assert_true(walk_mp(NULL));
	assert_int_equal(cpus[0].offset, 0);
	done();
}

RUN(T(processors_are_listed_with_their_state), T(the_structure_is_looked_for_in_the_specified_places),
    T(a_default_configuration_has_two_processors), T(a_configuration_out_of_reach_or_broken_is_refused),
    T(a_table_cut_anywhere_is_refused_after_what_was_whole),
    T(unknown_entries_and_wrong_counts_end_the_walk),
    T(a_processor_disabled_is_the_only_change_and_the_table_stays_whole),
    T(what_is_no_processor_entry_is_not_disabled), T(a_default_configuration_has_no_table_to_change))
