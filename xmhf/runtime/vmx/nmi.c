/* SPDX-License-Identifier: BSD-2-Clause */
/* Who an NMI is for, and when the guest may have it. */
#include "machine/cpu_insn.h"
#include "machine/lapic.h"
#include "machine/panic.h"
#include "machine/trap.h"
#include "nested/events.h"
#include "start/cpus.h"
#include "vmx/exit.h"
#include "vmx/nmi.h"
#include "vmx/primary.h"

#define BLOCKS_NMI	(BLOCKING_STI | BLOCKING_MOV_SS | BLOCKING_NMI)

/*
 * An NMI of ours and one of the guest's that meet in the CPU's latch look like one: ours. A kick that was thought lost and is
 * sent again (flush.c) may look like one of the guest's.
 */
static void take(struct vcpu *v)
{
	if (__atomic_load_n(&panicking, __ATOMIC_RELAXED))
		cpu_halt_forever();
	if (!__atomic_exchange_n(&v->kicked, false, __ATOMIC_SEQ_CST))
		nmi_queue(v);
}

void nmi_queue(struct vcpu *v)
{
	__atomic_add_fetch(&v->nmis, 1, __ATOMIC_SEQ_CST);
	work_set(v, WORK_GUEST_NMI);
}

void nmi_keep(struct vcpu *v, bool blocked)
{
	u32 most = blocked ? 1 : 2;

	if (__atomic_load_n(&v->nmis, __ATOMIC_SEQ_CST) > most)
		__atomic_store_n(&v->nmis, most, __ATOMIC_SEQ_CST);
}

bool nmi_take_one(struct vcpu *v) { return __atomic_sub_fetch(&v->nmis, 1, __ATOMIC_SEQ_CST) != 0; }

void nmi_in_root(uptr *rip)
{
	take(this_cpu());
	vm_enter_restart(rip);
}

void nmi_offer(struct vcpu *v)
{
	work_clear(v, WORK_GUEST_NMI);
	if (!v->nmis)
		return;
	if (v->in_l2)
		nested_offer_nmi(v);
	else
		nmi_deliver(v);
}

void nmi_deliver(struct vcpu *v)
{
	u32 blocking = vmcs_read32(GUEST_INTERRUPTIBILITY), event = vmcs_read32(ENTRY_INTR_INFO);
	bool busy = event & INTR_VALID || blocking & BLOCKS_NMI;

	if (vmcs_read32(GUEST_ACTIVITY_STATE) == ACTIVITY_WAIT_FOR_SIPI)
		return;			/* blocked there, and INIT drops it */
	nmi_keep(v, blocking & BLOCKING_NMI || (event & INTR_VALID && INTR_TYPE(event) == INTR_NMI));
	if (!busy) {
		vmcs_write(ENTRY_INTR_INFO, INTR_VALID | INTR_NMI << 8 | NMI_VECTOR);
		vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
		busy = nmi_take_one(v);
	}
	primary_window(v, PRIMARY_NMI_WINDOW, busy);
}

void nmi_forget(struct vcpu *v)
{
	work_clear(v, WORK_GUEST_NMI);
	__atomic_store_n(&v->nmis, 0, __ATOMIC_SEQ_CST);
	primary_window(v, PRIMARY_NMI_WINDOW, false);
}

enum verdict nmi_window(struct vcpu *v)
{
	primary_window(v, PRIMARY_NMI_WINDOW, false);
	work_set(v, WORK_GUEST_NMI);
	return RESUME;
}

/* Unblocked first: what waits behind this one is taken before another kick can meet it in the latch. */
enum verdict nmi_exit(struct vcpu *v)
{
	nmi_unblock();
	take(v);
	return RESUME;
}

bool nmi_kick_arrived(const struct vcpu *v)
{
	return !__atomic_load_n(&v->kicked, __ATOMIC_SEQ_CST) || __atomic_load_n(&v->waits_for_sipi, __ATOMIC_SEQ_CST);
}

void nmi_kick_others(void)
{
	for (u32 i = 0; i < cpus_served(); i++) {
		struct vcpu *v = cpus_get(i);

		if (v != this_cpu() && !__atomic_load_n(&v->waits_for_sipi, __ATOMIC_SEQ_CST))
			__atomic_store_n(&v->kicked, true, __ATOMIC_SEQ_CST);
	}
	lapic_send(0, ICR_NMI | ICR_ALL_BUT_SELF);
}

void nmi_kick(struct vcpu *v)
{
	__atomic_store_n(&v->kicked, true, __ATOMIC_SEQ_CST);
	lapic_send(v->apic_id, ICR_NMI);
}
