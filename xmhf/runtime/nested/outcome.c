/* SPDX-License-Identifier: BSD-2-Clause */
/* How VMX instructions end: SDM vol. 3, 31.2. */
#include "guest/memory.h"
#include "machine/cpu_insn.h"
#include "nested/state.h"

static enum verdict end_with(u32 flags)
{
	vmcs_write(GUEST_RFLAGS, (vmcs_read(GUEST_RFLAGS) & ~(u64)RFLAGS_ARITH) | flags);
	return ADVANCE;
}

enum verdict nested_fail_invalid(void) { return end_with(RFLAGS_CF); }

enum verdict nested_fail_valid(void) { return end_with(RFLAGS_ZF); }

enum verdict nested_fail(struct vcpu *v, enum vmfail error)
{
	if (!v->nested->current)
		return nested_fail_invalid();
	nested_shadow_error(v, v->nested->current, error);
	return nested_fail_valid();
}

enum verdict nested_refuses_mode(struct vcpu *v)
{
	bool compatibility = vmcs_read(GUEST_EFER) & EFER_LMA && !(vmcs_read32(GUEST_CS_AR) & AR_LONG);

	if (compatibility || !(vmcs_read(GUEST_CR0) & CR0_PE) || vmcs_read(GUEST_RFLAGS) & RFLAGS_VM)
		return inject(v, UD_FAULT, -1);
	return RESUME;
}

enum verdict nested_refuses_current(struct vcpu *v)
{
	return nested_allows(v) ? nested_fail_invalid() : nested_refuses_fault(v);
}

enum verdict nested_refuses_fault(struct vcpu *v)
{
	if (!nested_is_on(v))
		return inject(v, UD_FAULT, -1);
	return inject(v, GP_FAULT, 0);
}
