/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI's sleep requests. S5 ends us with the machine; S1 to S4 would give it back without us, so they
 * are refused until resume exists. And resets by a port, of which only the hypapp is told.
 */
#ifndef GUEST_POWER_H
#define GUEST_POWER_H

#include <xmhf/hypapp.h>

/* Calls @port for each port whose writes must come to power_filter. */
void power_each_port(void (*port)(u16 port));

/* Takes SLP_EN out of a write that asks for a refused state; tells the hypapp of one that powers off or resets. */
void power_filter(struct xmhf_port_access *write);

#endif
