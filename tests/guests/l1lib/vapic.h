/* SPDX-License-Identifier: BSD-2-Clause */
/* APIC virtualisation (SDM chapter 30): the virtual-APIC page, the APIC-access page, and settings to try both with. */
#ifndef L1_VAPIC_H
#define L1_VAPIC_H

#include "l2.h"

#define VAPIC_AT	0x1f01000u
#define APIC_ACCESS_AT	0x1f02000u		/* L2's address of it too, if EPT is off or one to one */
#define VAPIC(offset)	(((volatile u32 *)(uptr)VAPIC_AT)[(offset) / 4])
#define VAPIC_TPR	0x80
#define VAPIC_PPR	0xa0
#define VAPIC_ISR	0x100
#define VAPIC_IRR	0x200

struct apic_setting {
	const char *name;
	u32 primary, secondary, pin;
	u32 threshold, tpr;
};

#define APIC_TPR	PRIMARY_TPR_SHADOW
#define APIC_VID	SECONDARY_VIRTUAL_INTR

static inline bool apic_can(const struct apic_setting *s)
{
	return CAN_PRIMARY(s->primary) && CAN_SECONDARY(s->secondary) && CAN_PIN(s->pin);
}

/* Bit @vector of VISR or VIRR. */
static inline void vapic_set(u32 which, u32 vector) { VAPIC(which + vector / 32 * 16) |= BIT(vector % 32); }

/* The controls, and a page whose plain registers hold their own offsets. */
static inline void apic_prepare(const struct apic_setting *s)
{
	for (u32 offset = 0; offset < 0x1000; offset += 4)
		VAPIC(offset) = offset >= VAPIC_ISR && offset < 0x280 ? 0 : offset << 12 | offset;
	VAPIC(VAPIC_TPR) = s->tpr;
	VAPIC(VAPIC_PPR) = 0;
	vmcs_on(PIN_CTRLS, s->pin);
	vmcs_on(PRIMARY_CTRLS, s->primary);
	if (s->secondary)
		secondary_on(s->secondary);
	vmcs_set(VIRTUAL_APIC_ADDR, VAPIC_AT);
	vmcs_set(APIC_ACCESS_ADDR, APIC_ACCESS_AT);
	vmcs_set(TPR_THRESHOLD, s->threshold);
	vmcs_set(GUEST_INTR_STATUS, 0);
}

#endif
