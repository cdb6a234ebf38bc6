/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IA32_APIC_BASE as the guest has it: where it may lie, which modes follow which (SDM vol. 3, figure 11-27).
 * Links: xmhf/runtime/guest/apic_base.c xmhf/lib/e820.c
 */
#include "fake_cpu.h"

#include "guest/apic_base.h"
#include "machine/lapic.h"
#include "machine/machine.h"

#define AT	0xfee00000ull
#define OURS	0x10000000ull
#define SIZE	0x00400000ull
#define TOP	(1ull << 33)
#define ON	((u64)APIC_BASE_ENABLE)
#define X2	((u64)APIC_BASE_X2APIC)
#define BSP	((u64)APIC_BASE_BSP)

struct machine machine;

static u32 resets, wires;

void lapic_reset(void) { resets++; }
void lapic_virtual_wire(void) { wires++; }

/* The hardware's rules: bits 7:0 and 9 are reserved; a mode is left by OFF alone, and x2APIC comes after xAPIC. */
static bool takes(u32 msr, u64 before, u64 value)
{
	u64 from = before & (ON | X2), to = value & (ON | X2);

	assert_int_equal(msr, MSR_APIC_BASE);
	if (value & 0x2ff || value >> 36)
		return false;
	if (to == X2 || (from == 0 && to == (ON | X2)))
		return false;
	return !(from == (ON | X2) && to == ON);
}

static void start(u64 hardware)
{
	cpu_reset();
	cpu.takes = takes;
	cpu_add_msr(MSR_APIC_BASE, hardware);
	machine.handoff.base = OURS;
	machine.handoff.size = SIZE;
	machine.host_top = TOP;
	resets = wires = 0;
}

static bool writes(u64 value) { return apic_base_write(MSR_APIC_BASE, value); }
static u64 hardware(void) { return *cpu_msr(MSR_APIC_BASE); }

static u64 seen(void)
{
	u64 value;

	assert_true(apic_base_read(MSR_APIC_BASE, &value));
	return value;
}

/* A #GP after which all is as before. */
static void refuses(u64 value)
{
	u64 was_seen = seen(), was_hardware = hardware();
	u32 was_resets = resets;

	assert_false(writes(value));
	assert_true(seen() == was_seen);
	assert_true(hardware() == was_hardware);
	assert_int_equal(resets, was_resets);
}

PROMISE(an_enabled_apic_is_the_hardwares)
{
	start(AT | ON | BSP);
	assert_true(seen() == (AT | ON | BSP));
	assert_true(writes(AT | ON | X2 | BSP));
	assert_true(hardware() == (AT | ON | X2 | BSP));
	assert_true(seen() == hardware());
	assert_int_equal(resets + wires, 0);
}

PROMISE(the_apic_may_not_lie_over_us)
{
	start(AT | ON);
	refuses(OURS | ON);
	refuses(OURS | ON | X2);
	refuses(OURS | BSP);
	refuses((OURS + SIZE - PAGE_SIZE) | ON);
	assert_true(writes((OURS - PAGE_SIZE) | ON));
	assert_true(writes((OURS + SIZE) | ON));
}

PROMISE(the_apic_may_not_lie_where_we_have_mapped_nothing)
{
	start(AT | ON);
	refuses(TOP | ON);
	refuses((1ull << 51) | ON);
	refuses(TOP);
	assert_true(writes((TOP - PAGE_SIZE) | ON));
}

PROMISE(what_the_hardware_refuses_is_refused)
{
	start(AT | ON);
	refuses(AT | ON | 1);
	refuses(AT | 1);
	start(AT | ON | X2);
	refuses(AT | ON);
}

PROMISE(x2apic_without_enable_is_refused_in_every_mode)
{
	start(AT | ON);
	refuses(AT | X2);
	assert_true(writes(AT));
	refuses(AT | X2);
	start(AT | ON | X2);
	refuses(AT | X2);
}

PROMISE(a_disabled_apic_stays_enabled_for_us_as_a_wire_for_the_pins)
{
	static const u64 modes[] = { ON, ON | X2 };

	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		start(AT | modes[i] | BSP);
		assert_true(writes(AT | BSP));
		assert_true(seen() == (AT | BSP));
		assert_true(hardware() == (AT | modes[i] | BSP));
		assert_true(cpu.vcpu.apic_off);
		assert_int_equal(resets, 1);
		assert_int_equal(wires, 1);
	}
}

PROMISE(a_disabled_apic_can_be_moved)
{
	start(AT | ON);
	assert_true(writes(AT));
	assert_true(writes(AT + PAGE_SIZE));
	assert_true(seen() == AT + PAGE_SIZE);
	assert_true(hardware() == ((AT + PAGE_SIZE) | ON));
}

PROMISE(an_apic_comes_back_reset_and_in_xapic_mode)
{
	static const u64 modes[] = { ON, ON | X2 };

	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		start(AT | modes[i]);
		assert_true(writes(AT));
		assert_true(writes((AT + PAGE_SIZE) | ON));
		assert_false(cpu.vcpu.apic_off);
		assert_true(hardware() == ((AT + PAGE_SIZE) | ON));
		assert_true(seen() == hardware());
		assert_int_equal(resets, 2);
		assert_int_equal(wires, 1);
		assert_true(writes((AT + PAGE_SIZE) | ON | X2));
	}
}

PROMISE(x2apic_mode_is_two_steps_from_a_disabled_apic)
{
	start(AT | ON | X2);
	assert_true(writes(AT));
	refuses(AT | ON | X2);
	assert_true(cpu.vcpu.apic_off);
}

PROMISE(a_failed_enabling_leaves_the_apic_enabled_for_us_and_off_for_the_guest)
{
	static const u64 modes[] = { ON, ON | X2 };

	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		start(AT | modes[i]);
		assert_true(writes(AT));
		assert_false(writes(AT | ON | 1));
		assert_true(cpu.vcpu.apic_off);
		assert_true(seen() == AT);
		assert_true(hardware() & ON);
	}
}

RUN(T(an_enabled_apic_is_the_hardwares), T(the_apic_may_not_lie_over_us),
    T(the_apic_may_not_lie_where_we_have_mapped_nothing), T(what_the_hardware_refuses_is_refused),
    T(x2apic_without_enable_is_refused_in_every_mode), T(a_disabled_apic_stays_enabled_for_us_as_a_wire_for_the_pins),
    T(a_disabled_apic_can_be_moved), T(an_apic_comes_back_reset_and_in_xapic_mode),
    T(x2apic_mode_is_two_steps_from_a_disabled_apic),
    T(a_failed_enabling_leaves_the_apic_enabled_for_us_and_off_for_the_guest))
