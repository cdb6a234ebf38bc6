/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How VMX instructions of L1's end, and for whom they are #UD or #GP(0).
 * Links: xmhf/runtime/nested/outcome.c
 */
#include "fake_cpu.h"

#include "nested/state.h"

#define ARITHMETIC	0x8d5u
#define OTHERS		0x40202u	/* AC, IF and the bit that is always 1 */

static struct nested nested;
static struct nested_vmcs vmcs;
static u32 told;

bool nested_is_on(const struct vcpu *v) { return v->nested->on; }

void nested_shadow_error(struct vcpu *v, struct nested_vmcs *c, u32 error)
{
	assert_ptr_equal(c, &vmcs);
	told = error;
}

/* In VMX operation, in 64-bit code at CPL 0. */
static void start(void)
{
	cpu_reset();
	memset(&nested, 0, sizeof(nested));
	told = 0;
	cpu.vcpu.nested = &nested;
	nested.on = true;
	vmcs_write(GUEST_RFLAGS, OTHERS | ARITHMETIC);
	vmcs_write(GUEST_CR0, CR0_PE | CR0_PG);
	vmcs_write(GUEST_EFER, EFER_LMA);
	vmcs_write(GUEST_CS_AR, AR_LONG);
	vmcs_write(GUEST_SS_AR, 0x93);
}

static bool leaves(enum verdict verdict, u32 flags)
{
	return verdict == ADVANCE && vmcs_read(GUEST_RFLAGS) == (OTHERS | flags);
}

static bool faults(enum verdict verdict, enum vector vector, int error)
{
	return verdict == INJECT && cpu.vcpu.event_info == vector && cpu.vcpu.event_error == (u32)error;
}

PROMISE(without_a_current_vmcs_failure_is_cf)
{
	start();
	assert_true(leaves(nested_fail(&cpu.vcpu, VMFAIL_VMCALL), RFLAGS_CF));
	assert_int_equal(told, 0);
	nested.current = &vmcs;
	assert_true(leaves(nested_fail_invalid(), RFLAGS_CF));
	assert_int_equal(told, 0);
}

PROMISE(with_a_current_vmcs_failure_is_zf_and_the_error_is_told)
{
	start();
	nested.current = &vmcs;
	assert_true(leaves(nested_fail(&cpu.vcpu, VMFAIL_NO_SUCH_FIELD), RFLAGS_ZF));
	assert_int_equal(told, 12);
}

PROMISE(in_vmx_operation_at_cpl_0_nothing_is_refused)
{
	start();
	assert_int_equal(nested_refuses(&cpu.vcpu), RESUME);
	vmcs_write(GUEST_EFER, 0);
	vmcs_write(GUEST_CS_AR, 0);
	assert_int_equal(nested_refuses(&cpu.vcpu), RESUME);
}

PROMISE(undefined_comes_before_the_privilege)
{
	start();
	vmcs_write(GUEST_SS_AR, 0xf3);
	assert_true(faults(nested_refuses(&cpu.vcpu), GP_FAULT, 0));
	nested.on = false;
	assert_true(faults(nested_refuses(&cpu.vcpu), UD_FAULT, -1));
}

PROMISE(the_lack_of_a_current_vmcs_comes_last)
{
	start();
	assert_false(nested_has_current(&cpu.vcpu));
	assert_true(leaves(nested_refuses_current(&cpu.vcpu), RFLAGS_CF));
	vmcs_write(GUEST_SS_AR, 0xf3);
	assert_true(faults(nested_refuses_current(&cpu.vcpu), GP_FAULT, 0));
	nested.current = &vmcs;
	assert_false(nested_has_current(&cpu.vcpu));
	assert_true(faults(nested_refuses_current(&cpu.vcpu), GP_FAULT, 0));
	vmcs_write(GUEST_SS_AR, 0x93);
	assert_true(nested_has_current(&cpu.vcpu));
	nested.on = false;
	nested.current = NULL;
	assert_true(faults(nested_refuses_current(&cpu.vcpu), UD_FAULT, -1));
	cpu.vcpu.nested = NULL;
	assert_false(nested_has_current(&cpu.vcpu));
}

PROMISE(real_v86_and_compatibility_mode_have_no_vmx_instructions)
{
	start();
	assert_int_equal(nested_refuses_mode(&cpu.vcpu), RESUME);
	vmcs_write(GUEST_CS_AR, 0);
	assert_true(faults(nested_refuses_mode(&cpu.vcpu), UD_FAULT, -1));
	start();
	vmcs_write(GUEST_CR0, 0);
	assert_true(faults(nested_refuses_mode(&cpu.vcpu), UD_FAULT, -1));
	start();
	vmcs_write(GUEST_EFER, 0);
	vmcs_write(GUEST_RFLAGS, RFLAGS_VM | RFLAGS_FIXED);
	assert_true(faults(nested_refuses_mode(&cpu.vcpu), UD_FAULT, -1));
}

RUN(T(without_a_current_vmcs_failure_is_cf),
    T(with_a_current_vmcs_failure_is_zf_and_the_error_is_told), T(in_vmx_operation_at_cpl_0_nothing_is_refused),
    T(undefined_comes_before_the_privilege),
    T(the_lack_of_a_current_vmcs_comes_last), T(real_v86_and_compatibility_mode_have_no_vmx_instructions))
