/* SPDX-License-Identifier: BSD-2-Clause */
/* The real header; what may fault is fake_cpu.h's. */
#ifndef MOCK_TRAP_H
#define MOCK_TRAP_H

#define rdmsr_safe hardware_rdmsr_safe
#define wrmsr_safe hardware_wrmsr_safe
#include_next "machine/trap.h"
#undef rdmsr_safe
#undef wrmsr_safe

MUST_CHECK bool rdmsr_safe(u32 msr, u64 *value);
MUST_CHECK bool wrmsr_safe(u32 msr, u64 value);

#endif
