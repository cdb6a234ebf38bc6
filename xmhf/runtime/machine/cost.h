/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often we do what is slow on hardware. Counted only in a build with COUNT_OPS=1, which is for tests/bench: the
 * counters are not kept apart by CPU, and two CPUs at once may lose some.
 */
#ifndef MACHINE_COST_H
#define MACHINE_COST_H

#include <xmhf/hypercall.h>
#include "lib/types.h"

extern u64 costs[XMHF_COSTS];		/* by enum xmhf_cost */

#ifdef COUNT_OPS
static inline void cost(enum xmhf_cost what) { costs[what]++; }
#else
static inline void cost(enum xmhf_cost what) { (void)what; }
#endif

#endif
