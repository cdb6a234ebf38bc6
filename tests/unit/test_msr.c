/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's MSRs, row by row: hidden, kept by us, or the hardware's; and which of them exit.
 * Links: xmhf/runtime/guest/msr.c xmhf/runtime/guest/policy.c xmhf/lib/mtrr.c
 * Links: xmhf/runtime/nested/caps.c xmhf/runtime/nested/caps_table.c xmhf/runtime/nested/vmcs12.c xmhf/lib/string.c
 */
#include "fake_cpu.h"

#include "guest/apic_base.h"
#include "guest/exits.h"
#include "guest/policy.h"
#include "hypapp/hypapp.h"
#include "machine/machine.h"
#include "memory/ept01.h"
#include "nested/nested.h"

#define WIDTH		36u
#define VCNT		10u
#define UNLISTED	0x174u		/* IA32_SYSENTER_CS */
#define EXTENDED_NX	BIT(20)		/* CPUID 80000001H EDX */
#define EXTENDED_LM	BIT(29)
#define GARBAGE		0xdeadbeef00000000ull

struct machine machine;
struct vmx_caps_offered nested_caps;

static u32 retypes, apic_reads, apic_writes;
static struct { enum xmhf_result result; u32 asked, msr; u64 value; } hypapp;

static enum xmhf_result hypapp_answers(struct vcpu *v, u32 msr, u64 value)
{
	assert_ptr_equal(v, &cpu.vcpu);
	hypapp.asked++;
	hypapp.msr = msr;
	hypapp.value = value;
	return hypapp.result;
}

const struct xmhf_hypapp xmhf_hypapp = { .mtrr_write = hypapp_answers };

enum verdict hypapp_verdict(const struct vcpu *v, enum xmhf_result result)
{
	assert_int_not_equal(result, XMHF_CHAIN);
	return result == XMHF_SKIP ? ADVANCE : INJECT;
}

void ept01_retype(void) { retypes++; }

/* apic_base.c has its own test. */
static bool vmx_operation;
static u32 nested_writes;

bool nested_is_on(const struct vcpu *v)
{
	(void)v;
	return vmx_operation;
}

bool nested_msr_write(struct vcpu *v, u32 msr, u64 value)
{
	(void)v;
	nested_writes++;
	return guest_msr_write(msr, value);
}

bool apic_base_read(u32 msr, u64 *value)
{
	assert_int_equal(msr, MSR_APIC_BASE);
	*value = 0xfee00900;
	return apic_reads++ == 0;
}

bool apic_base_write(u32 msr, u64 value)
{
	assert_int_equal(msr, MSR_APIC_BASE);
	return value == 0xfee00800 && apic_writes++ == 0;
}

void cpuid_policy_init(void) { }
void io_policy_init(void) { }

struct range { u32 first, last; };

static const struct range hidden[] = {
	{ MSR_SMM_MONITOR_CTL, MSR_SMM_MONITOR_CTL }, { MSR_FRED_RSP0, MSR_FRED_LAST }, { MSR_VMX_VMFUNC + 1, MSR_VMX_LAST },
	{ 0x560, 0x561 }, { MSR_RTIT_CTL, MSR_RTIT_LAST }, { 0x40000000, 0x400001ff }, { 0x4b564d00, 0x4b564dff },
};

static const struct range ours[] = {	/* both ways */
	{ MSR_APIC_BASE, MSR_APIC_BASE }, { MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL }, { MSR_MTRRCAP, MSR_MTRRCAP },
	{ MSR_MTRR_PHYSBASE0, MSR_MTRR_PHYSBASE0 + 31 }, { 0x250, 0x250 }, { 0x258, 0x259 }, { 0x268, 0x26f },
	{ MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE }, { MSR_VMX_BASIC, MSR_VMX_VMFUNC },
};

static const struct range writes_are_ours[] = {
	{ MSR_BIOS_UPDT_TRIG, MSR_BIOS_UPDT_TRIG }, { MSR_MISC_ENABLE, MSR_MISC_ENABLE },
	{ MSR_PERF_GLOBAL_CTRL, MSR_PERF_GLOBAL_CTRL }, { MSR_XSS, MSR_XSS },
};

static bool among(const struct range *r, u32 count, u32 msr)
{
	for (; count--; r++)
		if (msr >= r->first && msr <= r->last)
			return true;
	return false;
}
#define AMONG(ranges, msr)	among(ranges, ARRAY_SIZE(ranges), msr)

static void start(void)
{
	cpu_reset();
	memset(&machine, 0, sizeof(machine));
	memset(&hypapp, 0, sizeof(hypapp));
	memset(&nested_caps, 0, sizeof(nested_caps));
	machine.maxphyaddr = WIDTH;
	machine.mtrr.cap = VCNT | MTRR_CAP_FIX;
	machine.mtrr.def_type = MTRR_DEF_E | MTRR_DEF_FE | MEMTYPE_WB;
	retypes = apic_reads = apic_writes = 0;
}

static bool reads(u32 msr)
{
	cpu.vcpu.regs.rcx = GARBAGE | msr;
	cpu.vcpu.regs.rax = cpu.vcpu.regs.rdx = GARBAGE;
	return cpu_advances(guest_rdmsr(&cpu.vcpu));
}

static bool reads_as(u32 msr, u64 value)
{
	return reads(msr) && cpu.vcpu.regs.rax == (u32)value && cpu.vcpu.regs.rdx == value >> 32;
}

static bool writes(u32 msr, u64 value)
{
	cpu.vcpu.regs.rcx = GARBAGE | msr;
	cpu.vcpu.regs.rax = GARBAGE | (u32)value;
	cpu.vcpu.regs.rdx = GARBAGE | value >> 32;
	return cpu_advances(guest_wrmsr(&cpu.vcpu));
}

PROMISE(an_msr_that_is_not_listed_is_the_hardwares)
{
	start();
	cpu_add_msr(UNLISTED, 0x1122334455667788);
	assert_true(reads_as(UNLISTED, 0x1122334455667788));
	assert_true(writes(UNLISTED, 0x8877665544332211));
	assert_true(*cpu_msr(UNLISTED) == 0x8877665544332211);
}

PROMISE(a_write_in_vmx_operation_goes_by_the_nested_part)
{
	start();
	cpu_add_msr(UNLISTED, 0);
	nested_writes = 0;
	vmx_operation = true;
	assert_true(writes(UNLISTED, 1));
	vmx_operation = false;
	assert_int_equal(nested_writes, 1);
	assert_true(writes(UNLISTED, 2));
	assert_int_equal(nested_writes, 1);
}

static bool refuses_odd(u32 msr, u64 before, u64 value) { return !(value & 1); }

PROMISE(an_msr_that_is_not_listed_faults_exactly_when_the_hardware_does)
{
	start();
	assert_false(reads(UNLISTED));
	assert_false(writes(UNLISTED, 0));
	assert_true(cpu.vcpu.regs.rax == GARBAGE);
	cpu_add_msr(UNLISTED, 6);
	cpu.takes = refuses_odd;
	assert_false(writes(UNLISTED, 3));
	assert_true(reads_as(UNLISTED, 6));
	assert_true(writes(UNLISTED, 2));
}

PROMISE(a_fault_changes_no_register)
{
	start();
	assert_false(reads(MSR_VMX_LAST));
	assert_true(cpu.vcpu.regs.rax == GARBAGE);
	assert_true(cpu.vcpu.regs.rdx == GARBAGE);
}

PROMISE(hidden_msrs_fault_on_read_and_write_though_the_cpu_has_them)
{
	start();
	for (u32 i = 0; i < ARRAY_SIZE(hidden); i++) {
		for (u32 msr = hidden[i].first; msr <= hidden[i].last; msr++) {
			cpu_add_msr(msr, 0);
			assert_false(reads(msr));
			assert_false(writes(msr, 0));
		}
	}
	assert_int_equal(cpu.msr_writes, 0);
}

/* As a CPU without TRUE MSRs, secondary controls and VM functions would have them. */
PROMISE(vmx_capabilities_are_those_offered_and_cannot_be_written)
{
	static const u32 lacking[] = {
		MSR_VMX_SECONDARY_CTRLS, MSR_VMX_EPT_VPID_CAP, MSR_VMX_TRUE_PIN_CTRLS, MSR_VMX_TRUE_ENTRY_CTRLS, MSR_VMX_VMFUNC,
	};

	start();
	for (u32 i = 0; i < CAPS; i++) {
		cpu_add_msr(MSR_VMX_BASIC + i, 0x1234);
		nested_caps.msr[i] = 0x1122000000000000 + i;
	}
	for (u32 msr = MSR_VMX_BASIC; msr <= MSR_VMX_CR4_FIXED1; msr++) {
		assert_true(reads_as(msr, 0x1122000000000000 + msr - MSR_VMX_BASIC));
		assert_false(writes(msr, 0x1234));
	}
	for (u32 i = 0; i < ARRAY_SIZE(lacking); i++)
		assert_false(reads(lacking[i]));
	nested_caps.msr[CAP_BASIC] |= BASIC_TRUE_CTRLS;
	nested_caps.msr[CAP_PRIMARY] = (u64)PRIMARY_SECONDARY << 32;
	nested_caps.msr[CAP_SECONDARY] = (u64)(SECONDARY_EPT | SECONDARY_VMFUNC) << 32;
	for (u32 i = 0; i < ARRAY_SIZE(lacking); i++) {
		assert_true(reads_as(lacking[i], nested_caps.msr[lacking[i] - MSR_VMX_BASIC]));
		assert_false(writes(lacking[i], 0x1234));
	}
	assert_int_equal(cpu.msr_writes, 0);
}

PROMISE(feature_control_reads_locked_with_vmx_on_and_cannot_be_written)
{
	start();
	cpu_add_msr(MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX | 0xff00);
	assert_true(reads_as(MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX));
	assert_false(writes(MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX));
	assert_false(writes(MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCK));
	assert_int_equal(cpu.msr_writes, 0);
}

PROMISE(feature_control_faults_on_a_cpu_that_lacks_it)
{
	start();
	assert_false(reads(MSR_FEATURE_CONTROL));
}

PROMISE(a_microcode_update_is_ignored)
{
	start();
	cpu_add_msr(MSR_BIOS_UPDT_TRIG, 0);
	assert_true(writes(MSR_BIOS_UPDT_TRIG, 0x123000));
	assert_int_equal(cpu.msr_writes, 0);
	assert_true(reads(MSR_BIOS_UPDT_TRIG));
}

PROMISE(execute_disable_cannot_be_switched_off)
{
	start();
	cpu_add_msr(MSR_MISC_ENABLE, 0);
	assert_true(writes(MSR_MISC_ENABLE, BIT64(34) | BIT(0)));
	assert_true(reads_as(MSR_MISC_ENABLE, BIT(0)));
	cpu.takes = refuses_odd;
	assert_false(writes(MSR_MISC_ENABLE, BIT(0)));
}

PROMISE(xss_takes_what_the_hardware_takes_but_for_intel_pt)
{
	start();
	assert_false(writes(MSR_XSS, 0));
	cpu_add_msr(MSR_XSS, 0);
	assert_true(writes(MSR_XSS, BIT(11)));
	assert_false(writes(MSR_XSS, BIT(11) | BIT(8)));
	assert_true(reads_as(MSR_XSS, BIT(11)));
}

PROMISE(apic_base_is_asked_of_its_own_rules)
{
	start();
	cpu_add_msr(MSR_APIC_BASE, 0);
	assert_true(reads_as(MSR_APIC_BASE, 0xfee00900));
	assert_false(reads(MSR_APIC_BASE));
	assert_true(writes(MSR_APIC_BASE, 0xfee00800));
	assert_false(writes(MSR_APIC_BASE, 0xfee00801));
	assert_int_equal(cpu.msr_writes, 0);
}

PROMISE(mtrrs_are_read_from_our_state_and_never_from_the_hardware)
{
	start();
	machine.mtrr.variable[9].mask = 0xf00000800;
	machine.mtrr.fixed[10] = 0x0606060606060605;
	cpu_add_msr(MSR_MTRR_PHYSBASE0 + 19, 1);
	cpu_add_msr(MSR_MTRR_DEF_TYPE, 1);
	assert_true(reads_as(MSR_MTRR_PHYSBASE0 + 19, 0xf00000800));
	assert_true(reads_as(MSR_MTRR_FIX4K_F8000, 0x0606060606060605));
	assert_true(reads_as(MSR_MTRR_DEF_TYPE, machine.mtrr.def_type));
	assert_true(reads_as(MSR_MTRRCAP, machine.mtrr.cap));
}

PROMISE(every_mtrr_that_the_cpu_has_keeps_what_is_written)
{
	start();
	for (u32 msr = MSR_MTRR_PHYSBASE0; msr <= MSR_MTRR_DEF_TYPE; msr++) {
		u64 value = msr & 1 && msr < MSR_MTRR_FIX64K_00000 ? MTRR_MASK_VALID : MEMTYPE_WP;	/* in a mask, or in the rest */

		if (!mtrr_is_msr(msr, machine.mtrr.cap))
			continue;
		assert_false(reads_as(msr, value));
		assert_true(writes(msr, value));
		assert_true(reads_as(msr, value));
	}
	assert_int_equal(cpu.msr_writes, 0);
}

PROMISE(a_valid_mtrr_write_retypes_memory_and_leaves_the_hardware_alone)
{
	start();
	cpu_add_msr(MSR_MTRR_PHYSBASE0, 0);
	assert_true(writes(MSR_MTRR_PHYSBASE0, 0xc0000000 | MEMTYPE_WT));
	assert_true(machine.mtrr.variable[0].base == (0xc0000000 | MEMTYPE_WT));
	assert_int_equal(retypes, 1);
	assert_int_equal(cpu.msr_writes, 0);
	assert_true(writes(MSR_MTRR_FIX16K_80000, MEMTYPE_WP));
	assert_int_equal(retypes, 2);
}

PROMISE(an_mtrr_write_that_changes_nothing_retypes_nothing)
{
	start();
	assert_true(writes(MSR_MTRR_DEF_TYPE, machine.mtrr.def_type));
	assert_int_equal(retypes, 0);
}

PROMISE(an_invalid_mtrr_write_faults_and_changes_nothing)
{
	struct mtrr_state before;

	start();
	before = machine.mtrr;
	assert_false(writes(MSR_MTRR_PHYSBASE0, 2));			/* a reserved type */
	assert_false(writes(MSR_MTRR_PHYSBASE0, MEMTYPE_WC));		/* not in this CAP */
	assert_false(writes(MSR_MTRR_PHYSBASE0 + 1, BIT64(WIDTH)));
	assert_false(writes(MSR_MTRR_DEF_TYPE, BIT64(12)));
	assert_false(writes(MSR_MTRR_FIX64K_00000, 0x0700000000000000));
	assert_false(writes(MSR_MTRRCAP, machine.mtrr.cap));
	assert_memory_equal(&before, &machine.mtrr, sizeof(before));
	assert_int_equal(retypes, 0);
}

PROMISE(mtrrs_the_cpu_lacks_fault)
{
	start();
	cpu_add_msr(MSR_MTRR_PHYSBASE0 + 2 * VCNT, 0);
	assert_false(reads(MSR_MTRR_PHYSBASE0 + 2 * VCNT));
	assert_false(writes(MSR_MTRR_PHYSBASE0 + 2 * VCNT, 0));
	machine.mtrr.cap = VCNT;
	assert_false(reads(MSR_MTRR_FIX64K_00000));
	assert_false(writes(MSR_MTRR_FIX64K_00000, 0));
}

PROMISE(while_mtrrs_are_disabled_memory_waits_for_the_write_that_enables_them)
{
	start();
	assert_true(writes(MSR_MTRR_DEF_TYPE, MEMTYPE_WB));
	assert_true(writes(MSR_MTRR_PHYSBASE0, MEMTYPE_WT));
	assert_int_equal(retypes, 0);
	assert_true(writes(MSR_MTRR_DEF_TYPE, MTRR_DEF_E | MEMTYPE_WB));
	assert_int_equal(retypes, 1);
}

PROMISE(the_hypapp_decides_first_on_a_write_to_an_mtrr)
{
	start();
	hypapp.result = XMHF_SKIP;
	assert_true(writes(MSR_MTRR_PHYSBASE0, MEMTYPE_WT));
	assert_int_equal(hypapp.asked, 1);
	assert_int_equal(hypapp.msr, MSR_MTRR_PHYSBASE0);
	assert_int_equal(hypapp.value, MEMTYPE_WT);
	assert_true(machine.mtrr.variable[0].base == 0);
	cpu.vcpu.regs.rcx = MSR_MTRR_PHYSBASE0;
	hypapp.result = XMHF_INJECT;
	assert_int_equal(guest_wrmsr(&cpu.vcpu), INJECT);
	assert_true(machine.mtrr.variable[0].base == 0);
	hypapp.result = XMHF_CHAIN;
	assert_true(writes(MSR_MTRR_PHYSBASE0, MEMTYPE_WT));
	assert_true(machine.mtrr.variable[0].base == MEMTYPE_WT);
}

PROMISE(the_hypapp_is_not_asked_about_other_msrs_nor_about_reads)
{
	start();
	hypapp.result = XMHF_SKIP;
	cpu_add_msr(UNLISTED, 0);
	assert_true(writes(UNLISTED, 1));
	assert_false(writes(MSR_VMX_BASIC, 1));
	assert_false(writes(MSR_MTRR_PHYSBASE0 + 2 * VCNT, 0));
	assert_true(reads(MSR_MTRR_PHYSBASE0));
	assert_int_equal(hypapp.asked, 0);
}

PROMISE(the_guests_counters_run_from_the_next_entry_and_not_before)
{
	start();
	vmx_caps.entry = ENTRY_LOAD_PERF;
	cpu_add_msr(MSR_PERF_GLOBAL_CTRL, 0);
	assert_true(writes(MSR_PERF_GLOBAL_CTRL, 0x70000000f));
	assert_true(vmcs_read(GUEST_PERF_GLOBAL_CTRL) == 0x70000000f);
	assert_true(*cpu_msr(MSR_PERF_GLOBAL_CTRL) == 0);
}

/* For L1's MSR areas, and where all of L2's MSR accesses exit. */
PROMISE(what_we_read_of_the_counters_is_the_guests_while_they_stand_still)
{
	start();
	vmx_caps.entry = ENTRY_LOAD_PERF;
	assert_false(reads(MSR_PERF_GLOBAL_CTRL));
	cpu_add_msr(MSR_PERF_GLOBAL_CTRL, 0);
	assert_true(writes(MSR_PERF_GLOBAL_CTRL, 0x70000000f));
	assert_true(reads_as(MSR_PERF_GLOBAL_CTRL, 0x70000000f));
	cpu.vcpu.perf_global_ctrl = 3;			/* another guest of this CPU's runs: L2 */
	assert_true(reads_as(MSR_PERF_GLOBAL_CTRL, 3));
	vmx_caps.entry = 0;
	assert_true(reads_as(MSR_PERF_GLOBAL_CTRL, 0));
}

PROMISE(a_cpu_that_cannot_load_the_counters_on_entry_has_them_in_the_msr)
{
	start();
	cpu_add_msr(MSR_PERF_GLOBAL_CTRL, 0);
	assert_true(writes(MSR_PERF_GLOBAL_CTRL, 0xf));
	assert_false(cpu.written[GUEST_PERF_GLOBAL_CTRL]);
	assert_true(*cpu_msr(MSR_PERF_GLOBAL_CTRL) == 0xf);
}

PROMISE(counters_that_the_hardware_refuses_fault)
{
	start();
	vmx_caps.entry = ENTRY_LOAD_PERF;
	assert_false(writes(MSR_PERF_GLOBAL_CTRL, 0xf));
	cpu_add_msr(MSR_PERF_GLOBAL_CTRL, 0);
	cpu.takes = refuses_odd;
	assert_false(writes(MSR_PERF_GLOBAL_CTRL, 0xf));
	assert_false(cpu.written[GUEST_PERF_GLOBAL_CTRL]);
}

PROMISE(efer_is_the_hardwares_under_the_amd64_hypervisor)
{
	start();
	cpu_add_msr(MSR_EFER, 0);
	assert_true(writes(MSR_EFER, EFER_LME | EFER_SCE));
	assert_true(reads_as(MSR_EFER, EFER_LME | EFER_SCE));
	fake_cpuid_edx = EXTENDED_NX | EXTENDED_LM;
	*cpu_msr(MSR_EFER) = EFER_LME | EFER_LMA;
	msr_policy_init();
	assert_true(guest_efer_bits() == (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE));
	assert_true(reads_as(MSR_EFER, EFER_LME | EFER_LMA));
}

static bool exits(u32 msr, bool write)
{
	u32 quarter = 2 * write + (msr >= 0xc0000000);

	return policy_msr_bitmap[1024 * quarter + (msr & 0x1fff) / 8] & BIT(msr & 7);
}

PROMISE(exactly_the_listed_msrs_exit)
{
	start();
	cpu_add_msr(MSR_EFER, 0);
	memset(policy_msr_bitmap, 0, sizeof(policy_msr_bitmap));
	policy_init();
	for (u32 msr = 0; msr < 0x2000; msr++) {
		bool both = AMONG(hidden, msr) || AMONG(ours, msr);

		if (exits(msr, false) != both || exits(msr, true) != (both || AMONG(writes_are_ours, msr)))
			fail_msg("MSR 0x%x: a read %d, a write %d", msr, exits(msr, false), exits(msr, true));
		assert_false(exits(0xc0000000 + msr, false));
		assert_false(exits(0xc0000000 + msr, true));
	}
}

RUN(T(an_msr_that_is_not_listed_is_the_hardwares), T(a_write_in_vmx_operation_goes_by_the_nested_part),
    T(an_msr_that_is_not_listed_faults_exactly_when_the_hardware_does), T(a_fault_changes_no_register),
    T(hidden_msrs_fault_on_read_and_write_though_the_cpu_has_them),
    T(vmx_capabilities_are_those_offered_and_cannot_be_written),
    T(feature_control_reads_locked_with_vmx_on_and_cannot_be_written),
    T(feature_control_faults_on_a_cpu_that_lacks_it), T(a_microcode_update_is_ignored),
    T(execute_disable_cannot_be_switched_off), T(xss_takes_what_the_hardware_takes_but_for_intel_pt),
    T(apic_base_is_asked_of_its_own_rules), T(mtrrs_are_read_from_our_state_and_never_from_the_hardware),
    T(every_mtrr_that_the_cpu_has_keeps_what_is_written),
    T(a_valid_mtrr_write_retypes_memory_and_leaves_the_hardware_alone),
    T(an_mtrr_write_that_changes_nothing_retypes_nothing), T(an_invalid_mtrr_write_faults_and_changes_nothing),
    T(mtrrs_the_cpu_lacks_fault), T(while_mtrrs_are_disabled_memory_waits_for_the_write_that_enables_them),
    T(the_hypapp_decides_first_on_a_write_to_an_mtrr),
    T(the_hypapp_is_not_asked_about_other_msrs_nor_about_reads),
    T(the_guests_counters_run_from_the_next_entry_and_not_before),
    T(what_we_read_of_the_counters_is_the_guests_while_they_stand_still),
    T(a_cpu_that_cannot_load_the_counters_on_entry_has_them_in_the_msr),
    T(counters_that_the_hardware_refuses_fault), T(efer_is_the_hardwares_under_the_amd64_hypervisor),
    T(exactly_the_listed_msrs_exit))
