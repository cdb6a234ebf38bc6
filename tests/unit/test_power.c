/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes that put the machine to sleep, power it off or reset it: what is let through, and what a hypapp hears.
 * Links: xmhf/runtime/guest/power.c
 */
#include "fake_cpu.h"

#include "guest/power.h"
#include "hypapp/hypapp.h"
#include "machine/log.h"
#include "machine/machine.h"

#define PM1A		0x604u
#define PM1B		0x704u
#define SLP_EN		0x2000u
#define TYPE(t)		((t) << 10)
#define S3_A		1u
#define S3_B		2u
#define S5		5u		/* both registers' */
#define ACPI_RESET	0xb2u
#define ACPI_VALUE	0x17u

static u32 shutdowns, lines;
static u16 ports[16];
static u32 port_count;
struct machine machine;

static void hypapp_hears(void) { shutdowns++; }

const struct xmhf_hypapp xmhf_hypapp = { .shutdown = hypapp_hears };

void log_line(enum log_level level, const char *format, ...) { lines++; }

static struct acpi_gas port_at(u16 port) { return (struct acpi_gas){ .space = ACPI_SPACE_IO, .address = port }; }

static void start(void)
{
	machine = (struct machine){
		.power = { .pm1a_control = port_at(PM1A), .pm1b_control = port_at(PM1B), .reset = port_at(ACPI_RESET),
			   .reset_value = ACPI_VALUE },
		.sleep = { [3] = { true, S3_A, S3_B }, [5] = { true, S5, S5 } },
	};
	shutdowns = lines = port_count = 0;
}

static u32 written(u16 port, u8 bytes, u32 value)
{
	struct xmhf_port_access access = { .port = port, .bytes = bytes, .write = true, .value = value };

	power_filter(&access);
	assert_int_equal(access.port, port);
	return access.value;
}

static void note(u16 port) { ports[port_count++] = port; }

static bool is_watched(u16 port)
{
	for (u32 i = 0; i < port_count; i++)
		if (ports[i] == port)
			return true;
	return false;
}

PROMISE(the_ports_of_sleep_and_reset_are_watched)
{
	static const u16 wanted[] = { PM1A + 1, PM1B + 1, 0xcf9, 0x92, 0x64, ACPI_RESET };

	start();
	power_each_port(note);
	assert_int_equal(port_count, ARRAY_SIZE(wanted));
	for (u32 i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_true(is_watched(wanted[i]));
	machine.power.pm1b_control.space = 0;		/* memory */
	machine.power.reset.space = 0;
	port_count = 0;
	power_each_port(note);
	assert_false(is_watched(PM1B + 1) || is_watched(ACPI_RESET) || is_watched(1) || is_watched(0));
}

PROMISE(sleep_is_refused_by_each_registers_own_type_at_every_width)
{
	start();
	assert_int_equal(written(PM1A, 2, SLP_EN | TYPE(S3_A) | 1), TYPE(S3_A) | 1);
	assert_int_equal(written(PM1A + 1, 1, (SLP_EN | TYPE(S3_A)) >> 8), TYPE(S3_A) >> 8);
	assert_int_equal(written(PM1A, 4, SLP_EN | TYPE(S3_A) | 0xabcd0001), TYPE(S3_A) | 0xabcd0001);
	assert_int_equal(written(PM1A - 1, 4, (SLP_EN | TYPE(S3_A)) << 8), TYPE(S3_A) << 8);
	assert_int_equal(written(PM1B, 2, SLP_EN | TYPE(S3_B)), TYPE(S3_B));
	assert_int_equal(lines, 5);
	assert_int_equal(written(PM1A, 2, SLP_EN | TYPE(S3_B)), SLP_EN | TYPE(S3_B));	/* not PM1a's */
	assert_int_equal(written(PM1A, 2, TYPE(S3_A)), TYPE(S3_A));			/* no request yet */
	assert_int_equal(lines, 5);
	assert_int_equal(shutdowns, 0);
}

PROMISE(power_off_passes_and_the_hypapp_hears_of_it)
{
	start();
	assert_int_equal(written(PM1A, 2, SLP_EN | TYPE(S5)), SLP_EN | TYPE(S5));
	assert_int_equal(shutdowns, 1);
	assert_int_equal(lines, 0);
}

PROMISE(a_type_that_stands_for_sleep_and_power_off_powers_off)
{
	start();
	machine.sleep[3].slp_typ_a = S5;
	assert_int_equal(written(PM1A, 2, SLP_EN | TYPE(S5)), SLP_EN | TYPE(S5));
	assert_int_equal(shutdowns, 1);
}

PROMISE(every_byte_that_resets_is_told_and_passes)
{
	static const struct { u16 port; u8 value; } resets[] = {
		{ 0xcf9, 0x04 }, { 0xcf9, 0x06 }, { 0xcf9, 0x0e }, { 0x92, 1 }, { 0x92, 3 }, { 0x64, 0xfe }, { 0x64, 0xf0 },
		{ ACPI_RESET, ACPI_VALUE },
	};

	start();
	for (u32 i = 0; i < ARRAY_SIZE(resets); i++) {
		assert_int_equal(written(resets[i].port, 1, resets[i].value), resets[i].value);
		assert_int_equal(shutdowns, i + 1);
	}
}

PROMISE(other_writes_of_these_ports_are_nobodys_business)
{
	start();
	written(0xcf9, 1, 0x02);		/* a full reset is chosen, not asked for */
	written(0xcf8, 4, 0x80000600);		/* PCI's address register: its second byte isn't port CF9h's */
	written(0xcf9, 2, 0x0606);
	written(0x92, 1, 0x02);			/* A20 */
	written(0x64, 1, 0xd1);
	written(0x64, 1, 0xff);			/* pulses nothing */
	written(0x60, 1, 0xfe);
	written(ACPI_RESET, 1, ACPI_VALUE + 1);
	assert_int_equal(shutdowns, 0);
	machine.power.reset = (struct acpi_gas){ .space = ACPI_SPACE_IO, .address = 0 };
	machine.power.reset_value = 0;
	written(0, 1, 0);
	assert_int_equal(shutdowns, 0);
}

RUN(T(the_ports_of_sleep_and_reset_are_watched), T(sleep_is_refused_by_each_registers_own_type_at_every_width),
    T(power_off_passes_and_the_hypapp_hears_of_it), T(a_type_that_stands_for_sleep_and_power_off_powers_off),
    T(every_byte_that_resets_is_told_and_passes), T(other_writes_of_these_ports_are_nobodys_business))
