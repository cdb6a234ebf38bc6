/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PM1a and PM1b control (ACPI 4.8.3.2.1): SLP_TYP and SLP_EN lie in the second byte of each. And the ports that reset
 * the machine, which a hypapp with a shutdown callback is told of.
 */
#include "guest/power.h"
#include "hypapp/hypapp.h"
#include "machine/log.h"
#include "machine/machine.h"

#define SLP_EN		BIT(5)		/* bit 13 of the register */
#define SLP_TYP(high)	((high) >> 2 & 7)
#define S1		1u
#define S4		4u
#define S5		5u

struct control {
	const struct acpi_gas *where;
	bool b;				/* SLP_TYPb counts */
};

static const struct control controls[] = {
	{ &machine.power.pm1a_control, false },
	{ &machine.power.pm1b_control, true },
};

/* A write of this byte resets the machine. A wider one doesn't: port CF8h, for one, is that of PCI's addresses then. */
struct reset {
	u16 port;
	u8 mask, value;
};

static const struct reset resets[] = {
	{ 0xcf9, 0x04, 0x04 },		/* the chipset's reset control register */
	{ 0x92,  0x01, 0x01 },		/* system control port A */
	{ 0x64,  0xf1, 0xf0 },		/* the keyboard controller pulses its output lines, of which bit 0 is reset */
};

/* ACPI's reset register (4.8.3.6); port 0: there is none, or it isn't a port. */
static struct reset acpi_reset(void)
{
	const struct acpi_gas *where = &machine.power.reset;
	u16 port = where->space == ACPI_SPACE_IO ? (u16)where->address : 0;

	return (struct reset){ port, 0xff, machine.power.reset_value };
}

/* The port of the second byte; 0: the register isn't there, or isn't a port. */
static u16 high_port(const struct control *c)
{
	return c->where->address && c->where->space == ACPI_SPACE_IO ? (u16)(c->where->address + 1) : 0;
}

void power_each_port(void (*port)(u16 port))
{
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++)
		if (high_port(&controls[i]))
			port(high_port(&controls[i]));
	if (!xmhf_hypapp.shutdown)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(resets); i++)
		port(resets[i].port);
	if (acpi_reset().port)
		port(acpi_reset().port);
}

static bool is_by(struct reset reset, const struct xmhf_port_access *write)
{
	return reset.port == write->port && reset.port && (write->value & reset.mask) == reset.value;
}

static bool resets_machine(const struct xmhf_port_access *write)
{
	bool found = is_by(acpi_reset(), write);

	for (u32 i = 0; i < ARRAY_SIZE(resets); i++)
		found |= is_by(resets[i], write);
	return found && write->bytes == 1;
}

static bool is_state(const struct control *c, u32 state, u8 type)
{
	const struct acpi_sleep *s = &machine.sleep[state];

	return s->known && (c->b ? s->slp_typ_b : s->slp_typ_a) == type;
}

/* Which of S1 to S4 does @type ask for? 0: none. */
static u32 refused_state(const struct control *c, u8 type)
{
	if (is_state(c, S5, type))
		return 0;
	for (u32 state = S1; state <= S4; state++)
		if (is_state(c, state, type))
			return state;
	return 0;
}

/* @high: the value that is being written to the second byte. False: without SLP_EN. */
static bool allows(const struct control *c, u8 high)
{
	u32 state;

	if (!(high & SLP_EN))
		return true;
	state = refused_state(c, SLP_TYP(high));
	if (state)
		log_warn("sleep state S%u refused: there is no resume yet", state);
	else if (is_state(c, S5, SLP_TYP(high)))
		hypapp_shutdown();
	return !state;
}

void power_filter(struct xmhf_port_access *write)
{
	if (resets_machine(write))
		hypapp_shutdown();
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		u32 byte = (u16)(high_port(&controls[i]) - write->port);

		if (high_port(&controls[i]) && byte < write->bytes && !allows(&controls[i], (u8)(write->value >> 8 * byte)))
			write->value &= ~(SLP_EN << 8 * byte);
	}
}
