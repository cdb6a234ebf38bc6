/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID as the i386 hypervisor answers it: no long mode, and the rest as ever; here without a hypapp.
 */
#include "unit.h"
#include "i386.h"

#include "fake_cpu.h"
#include "guest/cpuid.c"

const struct xmhf_hypapp xmhf_hypapp;

static void start(void)
{
	cpu_reset();
	memset(first_rule, 0, sizeof(first_rule));
	vmx_caps.secondary = ~0u;
	vmcs_write(GUEST_CR4, 0);
	vmcs_write(GUEST_EFER, EFER_LMA);
	vmcs_write(GUEST_CS_AR, AR_LONG);
	fake_cpuid_eax = 0x20;
	cpuid_policy_init();
}

static u32 seen(u32 leaf, u32 subleaf, enum cpuid_register reg)
{
	fake_cpuid_eax = fake_cpuid_ebx = fake_cpuid_ecx = fake_cpuid_edx = ~0u;
	cpu.vcpu.regs.rax = leaf;
	cpu.vcpu.regs.rcx = subleaf;
	assert_int_equal(guest_cpuid(&cpu.vcpu), ADVANCE);
	return cpu.vcpu.regs.r[reg];
}

PROMISE(long_mode_and_syscall_are_hidden)
{
	start();
	assert_int_equal(seen(0x80000001, 0, EDX), (u32)~(BIT(11) | BIT(29)));
}

PROMISE(the_rows_of_both_hypervisors_hold_too)
{
	start();
	assert_int_equal(seen(1, 0, ECX), (u32)~(BIT(5) | BIT(6) | BIT(27)));
	assert_int_equal(seen(7, 0, EBX), (u32)~BIT(25));
	assert_int_equal(seen(0x46484d58, 0, EAX), 1);
}

PROMISE(without_a_hypapp_every_other_leaf_is_the_hardwares)
{
	start();
	for (u32 leaf = 0x40000100; leaf < 0x40002000; leaf++)
		assert_int_equal(seen(leaf, 0, EAX) & seen(leaf, 0, EBX) & seen(leaf, 0, ECX) & seen(leaf, 0, EDX), ~0u);
}

RUN(T(long_mode_and_syscall_are_hidden), T(the_rows_of_both_hypervisors_hold_too),
    T(without_a_hypapp_every_other_leaf_is_the_hardwares))
