/* SPDX-License-Identifier: BSD-2-Clause */
/* PM1a and PM1b control (ACPI 4.8.3.2.1): SLP_TYP and SLP_EN lie in the second byte of each. */
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
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		u32 byte = (u16)(high_port(&controls[i]) - write->port);

		if (high_port(&controls[i]) && byte < write->bytes && !allows(&controls[i], (u8)(write->value >> 8 * byte)))
			write->value &= ~(SLP_EN << 8 * byte);
	}
}
