/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's MSR areas: where the MSRs are that VM entries and exits switch without L1, and what trying a value does to the CPU.
 * Links: xmhf/runtime/nested/msr_area.c xmhf/runtime/nested/check_msr.c
 */
#include "fake_cpu.h"

#include "guest/exits.h"
#include "nested/checks.h"
#include "nested/facts.h"
#include "nested/l2_apic.h"
#include "nested/l2_exits.h"
#include "nested/state.h"

#define AREA		0x5000ull
#define DEBUGCTL_BTS	BIT(7)
#define LBR_BITS	0x7f000full	/* enable, OS, USR, call stack; filters */

static struct nested nested;
static struct msr_entry area[1];

bool guest_read_physical(gpa1_t at, void *to, size_t length)
{
	memcpy(to, (u8 *)area + (at.at - AREA), length);
	return true;
}

bool guest_write_physical(gpa1_t at, const void *from, size_t length)
{
	memcpy((u8 *)area + (at.at - AREA), from, length);
	return true;
}

bool guest_msr_read(u32 msr, u64 *value) { return rdmsr_safe(msr, value); }
bool guest_msr_write(u32 msr, u64 value) { return wrmsr_safe(msr, value); }
enum verdict guest_wrmsr(struct vcpu *v) { return guest_msr_write((u32)v->regs.rcx, guest_edx_eax(v)) ? ADVANCE : INJECT; }
u64 guest_efer_bits(void) { return 0; }
u32 facts_linear_bits(void) { return 48; }
bool l2_apic_reads(const struct vcpu *v, u32 msr, u64 *value) { return false; }
bool l2_apic_writes(struct vcpu *v, u32 msr, u64 value, enum verdict *verdict) { return false; }

static void start(u32 entry)
{
	cpu_reset();
	memset(&nested, 0, sizeof(nested));
	cpu.vcpu.nested = &nested;
	vmx_caps.entry = entry;
}

static bool loads(u32 msr, u64 value)
{
	area[0] = (struct msr_entry){ msr, 0, value };
	return msr_area_load(AREA, 1) == 0;
}

static u64 stored(u32 msr)
{
	area[0] = (struct msr_entry){ msr, 0, 0x5555 };
	assert_int_equal(msr_area_store(AREA, 1), 0);
	return area[0].value;
}

static bool takes_lbr_bits(u32 msr, u64 before, u64 value)
{
	assert_false(value & LBR_CTL_ENABLE);
	return !(value & ~LBR_BITS);
}

PROMISE(lbr_ctl_is_what_the_entry_loads_and_the_exit_saved)
{
	start(ENTRY_LOAD_LBR);
	cpu_add_msr(MSR_LBR_CTL, 0);
	cpu.takes = takes_lbr_bits;
	vmcs_write(GUEST_LBR_CTL, 7);
	assert_true(stored(MSR_LBR_CTL) == 7);
	assert_true(loads(MSR_LBR_CTL, LBR_BITS));
	assert_true(vmcs_read(GUEST_LBR_CTL) == LBR_BITS);
	assert_true(*cpu_msr(MSR_LBR_CTL) == 0);
	assert_false(loads(MSR_LBR_CTL, 1ull << 40));
	assert_true(vmcs_read(GUEST_LBR_CTL) == LBR_BITS);
}

PROMISE(so_it_is_for_l2_while_all_its_accesses_exit)
{
	start(ENTRY_LOAD_LBR);
	cpu_add_msr(MSR_LBR_CTL, 0);
	vmcs_write(GUEST_LBR_CTL, 7);
	cpu.vcpu.regs.rcx = MSR_LBR_CTL;
	assert_true(cpu_advances(l2_rdmsr(&cpu.vcpu)));
	assert_int_equal(cpu.vcpu.regs.rax, 7);
	cpu.vcpu.regs.rax = 3;
	assert_true(cpu_advances(l2_wrmsr(&cpu.vcpu)));
	assert_int_equal(vmcs_read(GUEST_LBR_CTL), 3);
}

PROMISE(a_cpu_that_does_not_switch_it_has_it_in_the_msr)
{
	start(0);
	assert_false(loads(MSR_LBR_CTL, 1));
	cpu_add_msr(MSR_LBR_CTL, 0);
	assert_true(loads(MSR_LBR_CTL, 1));
	assert_int_equal(*cpu_msr(MSR_LBR_CTL), 1);
	assert_int_equal(stored(MSR_LBR_CTL), 1);
}

static bool records_nothing(u32 msr, u64 before, u64 value)
{
	assert_false(value & DEBUGCTL_LBR);
	assert_false(value & DEBUGCTL_TR && value & DEBUGCTL_BTS);
	return !(value & ~(u64)(DEBUGCTL_LBR | DEBUGCTL_BTF | DEBUGCTL_TR | DEBUGCTL_BTS));
}

static bool lacks_tr(u32 msr, u64 before, u64 value) { return !(value & DEBUGCTL_TR); }

PROMISE(a_debugctl_that_records_branches_is_tried_without_ours)
{
	start(ENTRY_LOAD_DEBUG);
	assert_false(loads(MSR_DEBUGCTL, 0));
	cpu_add_msr(MSR_DEBUGCTL, 0);
	cpu.takes = records_nothing;
	assert_true(loads(MSR_DEBUGCTL, DEBUGCTL_LBR | DEBUGCTL_TR | DEBUGCTL_BTS));
	assert_int_equal(vmcs_read(GUEST_DEBUGCTL), DEBUGCTL_LBR | DEBUGCTL_TR | DEBUGCTL_BTS);
	assert_int_equal(*cpu_msr(MSR_DEBUGCTL), 0);
	assert_false(loads(MSR_DEBUGCTL, BIT(20)));
	assert_false(loads(MSR_DEBUGCTL, BIT(20) | DEBUGCTL_TR));
	cpu.takes = lacks_tr;
	assert_false(loads(MSR_DEBUGCTL, DEBUGCTL_BTF | DEBUGCTL_TR));
	assert_int_equal(*cpu_msr(MSR_DEBUGCTL), 0);
	assert_true(loads(MSR_DEBUGCTL, DEBUGCTL_BTF));
}

RUN(T(lbr_ctl_is_what_the_entry_loads_and_the_exit_saved), T(so_it_is_for_l2_while_all_its_accesses_exit),
    T(a_cpu_that_does_not_switch_it_has_it_in_the_msr), T(a_debugctl_that_records_branches_is_tried_without_ours))
