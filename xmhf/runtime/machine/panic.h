/* SPDX-License-Identifier: BSD-2-Clause */
/* The last words, beside panic() of log.h. */
#ifndef MACHINE_PANIC_H
#define MACHINE_PANIC_H

#include "machine/trap.h"

/* Set once somebody panics: a CPU that an NMI then reaches in root mode halts there. */
extern bool panicking;

/* An exception in root mode that nobody expected. */
NORETURN void panic_trap(const struct trap_frame *frame);

#endif
