/* SPDX-License-Identifier: BSD-2-Clause */
/* Exits that take a line or two. */
#include "guest/exits.h"
#include "machine/cpu_insn.h"
#include "machine/log.h"
#include "machine/trap.h"

#define AR_DPL(ar)	((ar) >> 5 & 3)

/* OSXSAVE was checked by the CPU before the exit, and CPL too, but in Bochs; value and index it checks again here. */
enum verdict guest_xsetbv(struct vcpu *v)
{
	if (AR_DPL(vmcs_read32(GUEST_SS_AR)) || !xsetbv_safe((u32)v->regs.rcx, guest_edx_eax(v)))
		return inject(v, GP_FAULT, 0);
	return ADVANCE;
}

/* Dropping modified lines would drop ours too: they are written back instead. */
enum verdict guest_invd(struct vcpu *v)
{
	(void)v;
	wbinvd();
	return ADVANCE;
}

/* Instructions that exit unconditionally and belong to a feature the guest isn't shown. */
enum verdict guest_undefined(struct vcpu *v)
{
	return inject(v, UD_FAULT, -1);
}

enum verdict guest_triple_fault(struct vcpu *v)
{
	(void)v;
	log_warn("the guest triple-faulted at 0x%llx: resetting the machine", vmcs_read(GUEST_RIP));
	return SHUT_DOWN;
}

void guest_redeliver(void)
{
	u32 info = vmcs_read32(IDT_VECTORING_INFO);
	u32 type = INTR_TYPE(info);

	if (!(info & INTR_VALID))
		return;
	vmcs_write(ENTRY_INTR_INFO, info & (INTR_VALID | INTR_ERROR_CODE | 0x7ff));
	if (info & INTR_ERROR_CODE)
		vmcs_write(ENTRY_ERROR_CODE, vmcs_read(IDT_VECTORING_ERROR_CODE));
	if (type == INTR_SOFTWARE || type == INTR_PRIVILEGED || type == INTR_SOFT_EXCEPTION)
		vmcs_write(ENTRY_INSTR_LEN, vmcs_read(EXIT_INSTR_LEN));
	if (type == INTR_NMI)		/* its delivery began: the CPU blocks again when it is injected */
		vmcs_write(GUEST_INTERRUPTIBILITY, vmcs_read32(GUEST_INTERRUPTIBILITY) & ~(u32)BLOCKING_NMI);
}
