/* SPDX-License-Identifier: BSD-2-Clause */
/* A spinlock. Root mode runs with interrupts off; an NMI handler never takes a lock. */
#ifndef MACHINE_LOCK_H
#define MACHINE_LOCK_H

#include "machine/cpu_insn.h"

struct lock { u32 taken; };

static inline void lock_take(struct lock *l)
{
	while (__atomic_exchange_n(&l->taken, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&l->taken, __ATOMIC_RELAXED))
			cpu_pause();
}

static inline void lock_drop(struct lock *l)
{
	__atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE);
}

#endif
