/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1 terminal fault: on some CPUs a guest can read by speculation what lies in the L1 data cache, ours included.
 * Flushing the cache before an entry ends that, where the CPU has the command for it (SDM vol. 4, IA32_FLUSH_CMD).
 */
#ifndef MACHINE_L1TF_H
#define MACHINE_L1TF_H

#include "lib/types.h"
#include "machine/cpu_insn.h"

#define FLUSH_CMD_L1D	BIT(0)

extern bool l1tf_flush_on_entry;

/* Decides once, on the BSP; returns what the banner says. */
const char *l1tf_learn(void);

static inline void l1tf_before_entry(void)
{
	if (__builtin_expect(l1tf_flush_on_entry, 0))
		wrmsr(MSR_FLUSH_CMD, FLUSH_CMD_L1D);
}

#endif
