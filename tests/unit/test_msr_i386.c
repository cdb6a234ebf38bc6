/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSRs as the i386 hypervisor has them: IA32_EFER is that of a CPU without long mode.
 * Links: xmhf/runtime/guest/policy.c xmhf/lib/mtrr.c
 */
#include "unit.h"
#include "i386.h"

#include "fake_cpu.h"
#include "guest/msr.c"

#define BIT_OF_EFER	(MSR_EFER & 0x1fff)

struct machine machine;
const struct xmhf_hypapp xmhf_hypapp;

enum verdict hypapp_verdict(const struct vcpu *v, enum xmhf_result result) { return INJECT; }
void ept01_retype(void) { }
struct vmx_caps_offered nested_caps;
bool caps_has_msr(const struct vmx_caps_offered *offered, u32 msr) { return false; }
bool nested_is_on(const struct vcpu *v)
{
	(void)v;
	return false;
}

bool nested_msr_write(struct vcpu *v, u32 msr, u64 value)
{
	(void)v;
	return guest_msr_write(msr, value);
}

bool apic_base_read(u32 msr, u64 *value) { return false; }
bool apic_base_write(u32 msr, u64 value) { return false; }
void cpuid_policy_init(void) { }
void io_policy_init(void) { }

static u64 of_hardware;		/* what the hardware's EFER takes beside NXE */

static bool takes(u32 msr, u64 before, u64 value)
{
	return msr != MSR_EFER || !(value & ~(of_hardware | EFER_NXE));
}

static void start(u32 features, u64 efer)
{
	cpu_reset();
	fake_cpuid_edx = features;
	of_hardware = efer;
	cpu.takes = takes;
	cpu_add_msr(MSR_EFER, EFER_NXE);
	msr_policy_init();
}

static bool writes(u64 value)
{
	cpu.vcpu.regs.rcx = MSR_EFER;
	cpu.vcpu.regs.rax = (u32)value;
	cpu.vcpu.regs.rdx = (u32)(value >> 32);
	return cpu_advances(guest_wrmsr(&cpu.vcpu));
}

PROMISE(efer_takes_nxe_if_cpuid_shows_it_and_keeps_it_for_the_guest)
{
	start(LEAF80000001_EDX_LM | LEAF80000001_EDX_NX, EFER_SCE);
	assert_int_equal(fake_cpuid_leaf, 0x80000001);
	assert_true(writes(EFER_SCE | EFER_NXE));
	assert_true(vmcs_read(GUEST_EFER) == (EFER_SCE | EFER_NXE));
	assert_true(*cpu_msr(MSR_EFER) == EFER_NXE);
	start(LEAF80000001_EDX_LM, EFER_SCE);
	assert_true(writes(0));
	assert_true(*cpu_msr(MSR_EFER) == EFER_NXE);
	assert_false(writes(EFER_NXE));
}

/* On a copy of the i386 hypervisor CPUID doesn't show long mode. */
PROMISE(efer_takes_sce_if_the_hardwares_does_whatever_cpuid_shows)
{
	static const u32 features[] = { 0, LEAF80000001_EDX_LM };

	for (u32 i = 0; i < ARRAY_SIZE(features); i++) {
		start(features[i], EFER_SCE);
		assert_true(writes(EFER_SCE));
		assert_true(guest_efer_bits() == EFER_SCE);
		assert_true(*cpu_msr(MSR_EFER) == EFER_NXE);
		start(features[i], 0);
		assert_false(writes(EFER_SCE));
		assert_true(guest_efer_bits() == 0);
	}
}

PROMISE(efer_takes_no_other_bit_and_no_long_mode)
{
	start(LEAF80000001_EDX_LM | LEAF80000001_EDX_NX, ~0ull);
	for (u32 bit = 0; bit < 64; bit++)
		assert_int_equal(writes(BIT64(bit)), (BIT64(bit) & (EFER_SCE | EFER_NXE)) != 0);
}

PROMISE(only_writes_of_efer_exit)
{
	start(0, 0);
	assert_false(policy_msr_bitmap[1024 + BIT_OF_EFER / 8] & BIT(BIT_OF_EFER & 7));
	for (u32 msr = 0; msr < 0x2000; msr++)
		assert_int_equal((policy_msr_bitmap[3072 + msr / 8] >> (msr & 7)) & 1, msr == BIT_OF_EFER);
}

PROMISE(without_a_hypapps_rule_an_mtrr_is_written)
{
	start(0, 0);
	machine.mtrr.cap = 1;
	machine.maxphyaddr = 36;
	cpu.vcpu.regs.rcx = MSR_MTRR_PHYSBASE0;
	cpu.vcpu.regs.rax = MEMTYPE_WB;
	assert_true(cpu_advances(guest_wrmsr(&cpu.vcpu)));
	assert_true(machine.mtrr.variable[0].base == MEMTYPE_WB);
}

RUN(T(efer_takes_nxe_if_cpuid_shows_it_and_keeps_it_for_the_guest),
    T(efer_takes_sce_if_the_hardwares_does_whatever_cpuid_shows), T(efer_takes_no_other_bit_and_no_long_mode),
    T(only_writes_of_efer_exit), T(without_a_hypapps_rule_an_mtrr_is_written))
