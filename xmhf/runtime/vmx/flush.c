/* SPDX-License-Identifier: BSD-2-Clause */
/* Kicks with a reason. */
#include "machine/lock.h"
#include "machine/log.h"
#include "memory/ept01.h"
#include "start/cpus.h"
#include "vmx/flush.h"
#include "vmx/nmi.h"

#define KICK_PATIENCE	(1u << 21)	/* PAUSEs before a kick counts as lost: tens of milliseconds, longer than an SMI */

static struct lock kick_lock;		/* one kick at a time: a second NMI would pass for the guest's */
static struct lock quiesce_lock;
static bool quiesced;

/* Must it leave the guest for it? It looks at its work before it enters again, or as another guest. */
static bool must_leave(const struct vcpu *v, enum work work)
{
	return __atomic_load_n(&v->urgent, __ATOMIC_SEQ_CST) & work && !__atomic_load_n(&v->waits_for_sipi, __ATOMIC_SEQ_CST);
}

/* Gives all other CPUs @work to do, and takes those to root mode that can't wait with it. */
static void kick_others(enum work work)
{
	const struct vcpu *self = this_cpu();

	lock_take(&kick_lock);
	for (u32 i = 0; i < cpus_served(); i++) {
		struct vcpu *v = cpus_get(i);

		if (v == self)
			continue;
		work_set(v, work);
		if (must_leave(v, work))
			nmi_kick(v);
	}
	for (u32 i = 0; i < cpus_served(); i++) {
		struct vcpu *v = cpus_get(i);

		for (u32 turn = 1; v != self && !nmi_kick_arrived(v); turn++) {
			if (turn % KICK_PATIENCE == 0)
				nmi_kick_others();
			cpu_pause();
		}
	}
	lock_drop(&kick_lock);
}

void flush_local(struct vcpu *v)
{
	work_clear(v, WORK_FLUSH_EPT);
	if (!vmx_invept(INVEPT_SINGLE, ept_pointer(&ept01)) && !vmx_invept(INVEPT_ALL, 0))
		panic("CPU %u: no type of INVEPT works", v->index);
}

void flush_all(void *unused)
{
	(void)unused;
	kick_others(WORK_FLUSH_EPT);
	flush_local(this_cpu());
}

void flush_local_contexts(struct vcpu *v)
{
	work_clear(v, WORK_FLUSH_EPT02);
	if (!vmx_invept(INVEPT_ALL, 0))
		panic("CPU %u: INVEPT of all contexts doesn't work", v->index);
}

void flush_all_contexts(void *unused)
{
	(void)unused;
	kick_others(WORK_FLUSH_EPT02);
	flush_local_contexts(this_cpu());
}

void flush_quiesce(void)
{
	lock_take(&quiesce_lock);
	__atomic_store_n(&quiesced, true, __ATOMIC_SEQ_CST);
	kick_others(WORK_QUIESCE);
}

void flush_resume(void)
{
	__atomic_store_n(&quiesced, false, __ATOMIC_SEQ_CST);
	lock_drop(&quiesce_lock);
}

void flush_quiesced(struct vcpu *v)
{
	work_clear(v, WORK_QUIESCE);
	while (__atomic_load_n(&quiesced, __ATOMIC_SEQ_CST))
		cpu_pause();
}
