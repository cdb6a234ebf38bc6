/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting at boot. */
#ifndef MACHINE_DELAY_H
#define MACHINE_DELAY_H

#include "lib/types.h"

/* Waits at least @us microseconds (1 to 50000), by the PIT's channel 2; the speaker stays silent. */
void delay_us(u32 us);

#endif
