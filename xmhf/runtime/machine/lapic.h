/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC of the CPU that calls, in xAPIC or x2APIC mode, whichever the guest chose (SDM vol. 3, 11).
 */
#ifndef MACHINE_LAPIC_H
#define MACHINE_LAPIC_H

#include "lib/types.h"

enum lapic_register { LAPIC_ID = 0x20, LAPIC_TPR = 0x80, LAPIC_EOI = 0xb0, LAPIC_LDR = 0xd0, LAPIC_DFR = 0xe0, LAPIC_SVR = 0xf0, LAPIC_ISR = 0x100,
		      LAPIC_ICR = 0x300, LAPIC_ICR2 = 0x310, LAPIC_LVT_TIMER = 0x320, LAPIC_LVT_LINT0 = 0x350, LAPIC_LVT_LINT1 = 0x360, LAPIC_LVT_ERROR = 0x370,
		      LAPIC_TIMER_INITIAL = 0x380 };

/* ICR, low half (11.6.1) */
#define ICR_NMI			0x00004400
#define ICR_INIT		0x00004500
#define ICR_SIPI		0x00004600
#define ICR_ALL_BUT_SELF	0x000c0000

u32 lapic_id(void);

/* Ends the interrupt @vector if this APIC has it in service; one from the 8259s it hasn't. */
void lapic_acknowledge(u8 vector);

/* Sends @icr to @apic_id (ignored with a shorthand); ICR2 of the guest's stays as it was. */
void lapic_send(u32 apic_id, u32 icr);

/* What INIT does to a local APIC except for its mode and id (11.4.7.3), as far as software can. */
void lapic_reset(void);

/* Passes the INTR and NMI pins through to the CPU and does nothing else. */
void lapic_virtual_wire(void);

#endif
