/* SPDX-License-Identifier: BSD-2-Clause */
/* VMXON, VMXOFF, VMCALL and the instructions that take a VMCS pointer: SDM vol. 3, 31.3, in the order of its operations. */
#include "guest/exits.h"
#include "guest/memory.h"
#include "guest/state.h"
#include "machine/cpu_insn.h"
#include "nested/instructions.h"
#include "vmx/setup.h"

/* The revision identifier of a region. */
static u32 revision_at(u64 at)
{
	u32 revision;

	return guest_read_physical((gpa1_t){ at }, &revision, sizeof(revision)) ? revision : ~0u;
}

/* IA32_FEATURE_CONTROL allows it always, and no CPU masks A20 in VMX operation, where we are. */
static bool vmxon_faults(void)
{
	const u64 *fixed = nested_caps.msr;

	return guest_cpl() || !bits_fit(state_cr0(), fixed[CAP_CR0_FIXED0], fixed[CAP_CR0_FIXED1]) ||
	       !bits_fit(state_cr4(), fixed[CAP_CR4_FIXED0], fixed[CAP_CR4_FIXED1]);
}

/* From here on PE and PG are ours too: L1 can't clear them. */
static void set_operation(struct vcpu *v, bool on)
{
	uptr cr0 = state_cr0();

	v->nested->on = on;
	v->nested->operands = instruction_is_64bit() ? ~(uptr)0 : ~0u;
	state_shadow_cr0(v, cr0);
	vmcs_write(CR0_MASK, state_cr0_owned());
	host_msrs_watch(v, on);
	if (nested_shadowing)
		vmcs_write(SECONDARY_CTRLS, vmx_caps.secondary | (on ? SECONDARY_VMCS_SHADOWING : 0));
	nested_make_current(v, NULL);
}

static enum verdict vmxon_outside(struct vcpu *v)
{
	enum verdict verdict;
	u64 at;

	if (vmxon_faults())
		return inject(v, GP_FAULT, 0);
	verdict = instruction_read_l1(v, vmcs_read32(EXIT_INSTR_INFO), &at, sizeof(at));
	if (verdict != RESUME)
		return verdict;
	if (!instruction_region_valid(at) || revision_at(at) != VMCS12_REVISION)
		return nested_fail_invalid();
	v->nested->vmxon_at = at;
	set_operation(v, true);
	return SUCCEED;
}

enum verdict nested_vmxon(struct vcpu *v)
{
	if (!(state_cr4() & CR4_VMXE))
		return inject(v, UD_FAULT, -1);
	if (!nested_is_on(v))
		return vmxon_outside(v);
	return guest_cpl() ? inject(v, GP_FAULT, 0) : nested_fail(v, VMFAIL_VMXON_IN_ROOT);
}

enum verdict nested_vmxoff(struct vcpu *v)
{
	enum verdict verdict = nested_refuses(v);

	if (verdict != RESUME)
		return verdict;
	nested_write_all_back(v);
	set_operation(v, false);
	if (v->nested->init_pending) {
		v->nested->init_pending = false;
		return guest_init(v);
	}
	return SUCCEED;
}

enum verdict nested_vmcall(struct vcpu *v)
{
	enum verdict verdict = nested_is_on(v) ? nested_refuses_mode(v) : RESUME;

	if (verdict == RESUME)
		verdict = nested_refuses(v);
	return verdict != RESUME ? verdict : nested_fail(v, VMFAIL_VMCALL);
}

/* What VMCLEAR and VMPTRLD begin with; *@at is their operand. */
static enum verdict pointer_operand(struct vcpu *v, u64 *at)
{
	if (!nested_allows(v))
		return nested_refuses_fault(v);
	return instruction_read_l1(v, vmcs_read32(EXIT_INSTR_INFO), at, sizeof(*at));
}

/* The launch state is in the page alone, or in the cache, from where it goes to the page. */
static void clear(struct vcpu *v, u64 at)
{
	struct nested_vmcs *c = nested_cached(v, at);
	u32 launched = 0;

	if (c) {
		nested_clear(v, c);
	} else if (!guest_write_physical((gpa1_t){ at + offsetof(struct vmcs12, launched) }, &launched, sizeof(launched))) {
		/* L1 has no memory there: nothing to clear */
	}
}

enum verdict nested_vmclear(struct vcpu *v)
{
	u64 at;
	enum verdict verdict = pointer_operand(v, &at);

	if (verdict != RESUME)
		return verdict;
	if (!instruction_region_valid(at))
		return nested_fail(v, VMFAIL_VMCLEAR_ADDRESS);
	if (at == v->nested->vmxon_at)
		return nested_fail(v, VMFAIL_VMCLEAR_VMXON);
	clear(v, at);
	return SUCCEED;
}

static bool revision_valid(u32 revision)
{
	u32 may_be = caps_allow(&nested_caps, CAP_SECONDARY, SECONDARY_VMCS_SHADOWING) ? VMCS12_SHADOW : 0;

	return (revision & ~may_be) == VMCS12_REVISION;
}

enum verdict nested_vmptrld(struct vcpu *v)
{
	u64 at;
	enum verdict verdict = pointer_operand(v, &at);

	if (verdict != RESUME)
		return verdict;
	if (!instruction_region_valid(at))
		return nested_fail(v, VMFAIL_VMPTRLD_ADDRESS);
	if (at == v->nested->vmxon_at)
		return nested_fail(v, VMFAIL_VMPTRLD_VMXON);
	if (!revision_valid(revision_at(at)))
		return nested_fail(v, VMFAIL_VMPTRLD_REVISION);
	nested_make_current(v, nested_cache(v, at));
	return SUCCEED;
}

enum verdict nested_vmptrst(struct vcpu *v)
{
	enum verdict verdict = nested_refuses(v);
	struct operand o = instruction_operand();
	u64 at;

	if (verdict != RESUME)
		return verdict;
	at = v->nested->current ? v->nested->current->at : NO_VMCS;
	verdict = instruction_write(v, &o, &at, sizeof(at));
	return verdict != RESUME ? verdict : SUCCEED;
}
