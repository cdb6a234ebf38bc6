/* SPDX-License-Identifier: BSD-2-Clause */
/* Whoever handles a machine check is the guest: the banks and IA32_MCG_STATUS are its own. */
#include "guest/interrupts.h"
#include "hypapp/hypapp.h"
#include "machine/cpu_insn.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "nested/nested.h"
#include "vmx/exit.h"
#include "vmx/machine_check.h"
#include "vmx/nmi.h"

void machine_check_in_root(uptr *rip)
{
	work_set(this_cpu(), WORK_MACHINE_CHECK);
	vm_enter_restart(rip);
}

enum verdict machine_check_exit(struct vcpu *v)
{
	work_set(v, WORK_MACHINE_CHECK);
	return RESUME;
}

/* A machine check goes first (SDM table 7-2). A fault or a software interrupt comes again by itself: RIP is still there. */
static void put_off(struct vcpu *v, u32 event)
{
	if (!(event & INTR_VALID))
		return;
	if (INTR_TYPE(event) == INTR_NMI)
		nmi_queue(v);
	else if (INTR_TYPE(event) == INTR_EXTINT)
		interrupts_queue(v, INTR_VECTOR(event));
}

void machine_check_offer(struct vcpu *v)
{
	work_clear(v, WORK_MACHINE_CHECK);
	if (vmcs_read32(GUEST_ACTIVITY_STATE) == ACTIVITY_WAIT_FOR_SIPI)
		return;			/* the other CPUs have it too, and INIT would have cleared CR4.MCE */
	if (!(vmcs_read(GUEST_CR4) & CR4_MCE)) {
		log_error("CPU %u: machine check, and the guest's CR4.MCE is 0: shutdown", v->index);
		hypapp_shutdown();
		machine_reset();
	}
	if (v->in_l2 && nested_takes_machine_check(v))
		return;
	put_off(v, vmcs_read32(ENTRY_INTR_INFO));
	vmcs_write(ENTRY_INTR_INFO, INTR_VALID | INTR_HARDWARE << 8 | MC_ABORT);
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
}
