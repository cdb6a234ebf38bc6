/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's MSRs. The table is the policy; what it doesn't list is the hardware's, faults included. */
#include "guest/apic_base.h"
#include "guest/exits.h"
#include "guest/policy.h"
#include "hypapp/hypapp.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "machine/trap.h"
#include "memory/ept01.h"
#include "nested/nested.h"
#include "vmx/setup.h"

#define LEAF80000001_EDX_NX	BIT(20)
#define LEAF80000001_EDX_LM	BIT(29)

/* False is #GP(0). */
typedef bool (*msr_read)(u32 msr, u64 *value);
typedef bool (*msr_write)(u32 msr, u64 value);

struct msr_rule {
	u32 first, count;
	msr_read read;			/* NULL: the hardware's */
	msr_write write;		/* NULL: the hardware's */
};

static struct lock mtrr_lock;

static bool read_faults(u32 msr, u64 *value)
{
	(void)msr, (void)value;
	return false;
}

static bool write_faults(u32 msr, u64 value)
{
	(void)msr, (void)value;
	return false;
}

static bool write_ignored(u32 msr, u64 value)
{
	(void)msr, (void)value;
	return true;
}

/* Locked, with VMX on outside SMX, which is hidden. */
static bool read_feature_control(u32 msr, u64 *value)
{
	bool exists = rdmsr_safe(msr, value);

	*value = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX;
	return exists;
}

static bool read_vmx_capability(u32 msr, u64 *value)
{
	if (!caps_has_msr(&nested_caps, msr))
		return false;
	*value = nested_caps.msr[msr - CAP_FIRST_MSR];
	return true;
}

static bool read_mtrr(u32 msr, u64 *value)
{
	return mtrr_read(&machine.mtrr, msr, value);
}

/* The hardware's MTRRs stay as they are; EPT01 follows the guest's. */
static bool write_mtrr(u32 msr, u64 value)
{
	u64 before;
	bool ok;

	lock_take(&mtrr_lock);
	ok = mtrr_read(&machine.mtrr, msr, &before) && mtrr_write(&machine.mtrr, msr, value, machine.maxphyaddr);
	if (ok && before != value && machine.mtrr.def_type & MTRR_DEF_E)
		ept01_retype();		/* while they are disabled, the type waits for the write that enables them */
	lock_drop(&mtrr_lock);
	return ok;
}

/*
 * The counters stand still in root mode: VM exits load 0. Otherwise a record of PEBS that falls due there would be
 * written to the guest's linear address in our address space. What the guest has we know: each write of it exits, but for the
 * CPU's own where IA32_DEBUGCTL freezes all counters at one's interrupt (before version 4 of performance monitoring).
 */
static bool read_perf_global_ctrl(u32 msr, u64 *value)
{
	bool exists = rdmsr_safe(msr, value);

	if (vmx_caps.entry & ENTRY_LOAD_PERF)
		*value = this_cpu()->perf_global_ctrl;
	return exists;
}

static bool write_perf_global_ctrl(u32 msr, u64 value)
{
	if (!wrmsr_safe(msr, value))
		return false;
	if (vmx_caps.entry & ENTRY_LOAD_PERF) {
		wrmsr(msr, 0);		/* the value was tried; the VM entry loads it */
		vmcs_write(GUEST_PERF_GLOBAL_CTRL, this_cpu()->perf_global_ctrl = value);
	}
	return true;
}

/* Our tables have XD bits, reserved ones while a CPU's XD is off: VM exits would end in a fault. So it stays on. */
static bool write_misc_enable(u32 msr, u64 value)
{
	return wrmsr_safe(msr, value & ~MISC_ENABLE_XD_OFF);
}

/* With the bit of Intel PT, XRSTORS loads its MSRs past our bitmap, and its trace goes to host-physical addresses. */
static bool write_xss(u32 msr, u64 value)
{
	return !(value & XSS_PT) && wrmsr_safe(msr, value);
}

static u64 efer_bits;

u64 guest_efer_bits(void) { return efer_bits; }

/*
 * The i386 hypervisor can't enter a 64-bit guest: EFER is that of a CPU without long mode, but for SCE, which such a guest
 * never missed. CPUID tells 32-bit code nothing of SCE, and a copy of ours below hides long mode: so the CPU is asked.
 */
static void learn_efer(void)
{
	u32 features = cpuid(0x80000001, 0).edx;
	u64 now = rdmsr(MSR_EFER);

	efer_bits = (sizeof(uptr) == 8 && features & LEAF80000001_EDX_LM ? EFER_LME | EFER_LMA : 0) |
		    (features & LEAF80000001_EDX_NX ? EFER_NXE : 0);
	if (!wrmsr_safe(MSR_EFER, now | EFER_SCE))
		return;
	efer_bits |= EFER_SCE;
	wrmsr(MSR_EFER, now);
}

static bool write_efer_without_lme(u32 msr, u64 value)
{
	if (value & ~efer_bits)
		return false;
	(void)msr;
	vmcs_write(GUEST_EFER, value);
	return true;
}

static const struct msr_rule rules[] = {
	{ MSR_APIC_BASE,	 1, apic_base_read,	  apic_base_write },
	{ MSR_FEATURE_CONTROL,	 1, read_feature_control, write_faults },
	{ MSR_BIOS_UPDT_TRIG,	 1, NULL,		  write_ignored },	/* microcode is the firmware's business */
	{ MSR_SMM_MONITOR_CTL,	 1, read_faults,	  write_faults },	/* dual-monitor treatment isn't offered */
	{ MSR_MISC_ENABLE,	 1, NULL,		  write_misc_enable },
	{ MSR_MTRRCAP,		 1, read_mtrr,		  write_faults },
	{ MSR_MTRR_PHYSBASE0,	 2 * MTRR_VARIABLE_MAX, read_mtrr, write_mtrr },
	{ MSR_MTRR_FIX64K_00000, 1, read_mtrr,		  write_mtrr },
	{ MSR_MTRR_FIX16K_80000, 2, read_mtrr,		  write_mtrr },
	{ MSR_MTRR_FIX4K_C0000,	 8, read_mtrr,		  write_mtrr },
	{ MSR_MTRR_DEF_TYPE,	 1, read_mtrr,		  write_mtrr },
	{ MSR_VMX_BASIC, MSR_VMX_LAST - MSR_VMX_BASIC + 1, read_vmx_capability, write_faults },
	{ MSR_PERF_GLOBAL_CTRL,	 1, read_perf_global_ctrl, write_perf_global_ctrl },
	{ MSR_FRED_RSP0, MSR_FRED_LAST - MSR_FRED_RSP0 + 1, read_faults, write_faults },	/* hidden too */
	{ MSR_RTIT_OUTPUT_BASE,	 2, read_faults,	  write_faults },	/* Intel PT is hidden */
	{ MSR_RTIT_CTL,	 MSR_RTIT_LAST - MSR_RTIT_CTL + 1, read_faults, write_faults },	/* Intel PT again */
	{ MSR_XSS,		 1, NULL,		  write_xss },
	{ MSR_HYPERV_FIRST, MSR_HYPERV_LAST - MSR_HYPERV_FIRST + 1, read_faults, write_faults },	/* of a hypervisor below, */
	{ MSR_KVM_FIRST, MSR_KVM_LAST - MSR_KVM_FIRST + 1, read_faults, write_faults },		/* for us: CPUID hides them */
};

static const struct msr_rule i386_rules[] = {
	{ MSR_EFER,		 1, NULL,		  write_efer_without_lme },
};

static const struct msr_rule *find(u32 msr)
{
	for (u32 i = 0; i < ARRAY_SIZE(rules); i++)
		if (msr - rules[i].first < rules[i].count)
			return &rules[i];
	if (sizeof(uptr) == 4 && msr == MSR_EFER)
		return &i386_rules[0];
	return NULL;
}

/* While the guest runs, the hardware's IA32_PERF_GLOBAL_CTRL is its own. */
static bool reads_exit(const struct msr_rule *rule) { return rule->read && rule->read != read_perf_global_ctrl; }

static void intercept(const struct msr_rule *rule)
{
	for (u32 i = 0; i < rule->count; i++)
		policy_intercept_msr(policy_msr_bitmap, rule->first + i, reads_exit(rule), rule->write != NULL);
}

void msr_policy_init(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(rules); i++)
		intercept(&rules[i]);
	if (sizeof(uptr) == 4)
		intercept(&i386_rules[0]);
	learn_efer();
}

bool guest_msr_read(u32 msr, u64 *value)
{
	const struct msr_rule *rule = find(msr);

	return rule && rule->read ? rule->read(msr, value) : rdmsr_safe(msr, value);
}

bool guest_msr_write(u32 msr, u64 value)
{
	const struct msr_rule *rule = find(msr);

	return rule && rule->write ? rule->write(msr, value) : wrmsr_safe(msr, value);
}

enum verdict guest_rdmsr(struct vcpu *v)
{
	u64 value;

	if (!guest_msr_read((u32)v->regs.rcx, &value))
		return inject(v, GP_FAULT, 0);
	guest_set_edx_eax(v, value);
	return ADVANCE;
}

enum verdict guest_wrmsr(struct vcpu *v)
{
	u32 msr = (u32)v->regs.rcx;
	u64 value = guest_edx_eax(v);

	if (mtrr_is_msr(msr, machine.mtrr.cap)) {
		enum xmhf_result result = hypapp_mtrr_write(v, msr, value);

		if (result != XMHF_CHAIN)
			return hypapp_verdict(v, result);
	}
	return (nested_is_on(v) ? nested_msr_write(v, msr, value) : guest_msr_write(msr, value)) ? ADVANCE : inject(v, GP_FAULT, 0);
}
