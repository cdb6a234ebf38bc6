/* SPDX-License-Identifier: BSD-2-Clause */
/* Register states that hardware makes and we have to make up. */
#include "guest/interrupts.h"
#include "guest/state.h"
#include "lib/string.h"
#include "machine/cpu_insn.h"
#include "machine/lapic.h"
#include "machine/machine.h"
#include "machine/trap.h"
#include "nested/nested.h"
#include "vmx/nmi.h"
#include "vmx/setup.h"

#define AR_REAL_CODE	0x9b
#define AR_REAL_DATA	0x93
#define AR_LDT		0x82
#define AR_BUSY_TSS	0x8b
#define DR7_RESET	0x400
#define DR6_RESET	0xffff0ff0u

void state_copy_boot_sector(void)
{
	memcpy((void *)(uptr)BOOT_SECTOR_AT, machine.handoff.boot_sector, sizeof(machine.handoff.boot_sector));
}

/*
 * CD and NW: VM entries and exits don't load them, so the real ones stay 0. The rest VMX wants fixed, PE and PG of them
 * only from an L1 that is in VMX operation itself.
 */
uptr state_cr0_owned(void)
{
	uptr theirs = nested_is_on(this_cpu()) ? 0 : CR0_PE | CR0_PG;

	return CR0_CD | CR0_NW | ((uptr)vmx_caps.cr0_fixed0 & ~theirs);
}

uptr state_cr4_owned(void)
{
	return CR4_VMXE | CR4_SMXE | (uptr)CR4_FRED | (uptr)vmx_caps.cr4_fixed0;
}

uptr state_cr0(void)
{
	uptr owned = state_cr0_owned();

	return ((uptr)vmcs_read(CR0_SHADOW) & owned) | ((uptr)vmcs_read(GUEST_CR0) & ~owned);
}

uptr state_cr4(void)
{
	uptr owned = state_cr4_owned();

	return ((uptr)vmcs_read(CR4_SHADOW) & owned) | ((uptr)vmcs_read(GUEST_CR4) & ~owned);
}

void state_flush_linear(void)
{
	if (!(vmx_caps.secondary & SECONDARY_VPID))
		return;
	if (!vmx_invvpid(INVVPID_SINGLE, (u16)vmcs_read(VPID), 0))
		(void)vmx_invvpid(INVVPID_ALL, 0, 0);
}

void state_segment(enum state_segment index, u16 selector, u64 base, u32 limit, u32 rights)
{
	vmcs_write((enum vmcs_field)(GUEST_ES_SELECTOR + index * SEGMENT_STEP), selector);
	vmcs_write((enum vmcs_field)(GUEST_ES_BASE + index * SEGMENT_STEP), base);
	vmcs_write((enum vmcs_field)(GUEST_ES_LIMIT + index * SEGMENT_STEP), limit);
	vmcs_write((enum vmcs_field)(GUEST_ES_AR + index * SEGMENT_STEP), rights);
}

static void segments(u16 cs)
{
	state_segment(CS, cs, (u64)cs << 4, 0xffff, AR_REAL_CODE);
	state_segment(ES, 0, 0, 0xffff, AR_REAL_DATA);
	for (u32 i = SS; i <= GS; i++)
		state_segment(i, 0, 0, 0xffff, AR_REAL_DATA);
	state_segment(LDTR, 0, 0, 0xffff, AR_LDT);
	state_segment(TR, 0, 0, 0xffff, AR_BUSY_TSS);
	vmcs_write(GUEST_GDTR_BASE, 0);
	vmcs_write(GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write(GUEST_IDTR_BASE, 0);
	vmcs_write(GUEST_IDTR_LIMIT, 0xffff);
}

/* @cd_nw: the guest's CD and NW, which INIT keeps. */
static void control_registers(struct vcpu *v, uptr cd_nw)
{
	vmcs_write(CR0_MASK, state_cr0_owned());
	state_shadow_cr0(v, CR0_ET | cd_nw);
	vmcs_write(GUEST_CR0, CR0_ET | ((uptr)vmx_caps.cr0_fixed0 & ~(uptr)(CR0_PE | CR0_PG)));
	vmcs_write(CR4_MASK, state_cr4_owned());
	state_shadow_cr4(v, 0);
	vmcs_write(GUEST_CR4, (uptr)vmx_caps.cr4_fixed0);
	vmcs_write(GUEST_CR3, 0);
	vmcs_write(GUEST_EFER, 0);
	vmcs_write(ENTRY_CTRLS, vmx_caps.entry);
	__asm__ volatile("mov %0, %%cr2" : : "r"((uptr)0));
}

static void debug_registers(void)
{
	uptr zero = 0;

	vmcs_write(GUEST_DR7, DR7_RESET);
	vmcs_write(GUEST_DEBUGCTL, 0);
	vmcs_write(GUEST_PENDING_DBG, 0);
	__asm__ volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3; mov %1, %%dr6"
			 : : "r"(zero), "r"((uptr)DR6_RESET));
}

/* All that INIT resets. */
static void init_state(struct vcpu *v, u16 cs, u32 ip, uptr cd_nw)
{
	memset(&v->regs, 0, sizeof(v->regs));
	v->regs.rdx = cpuid(1, 0).eax;
	segments(cs);
	control_registers(v, cd_nw);
	debug_registers();
	vmcs_write(GUEST_RIP, ip);
	vmcs_write(GUEST_RSP, 0);
	vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED);
	vmcs_write(GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(ENTRY_INTR_INFO, 0);
	state_flush_linear();
}

void state_reset(struct vcpu *v, bool starts)
{
	u64 perf;

	vmcs_write(VMCS_LINK_POINTER, ~0ull);
	vmcs_write(GUEST_PAT, rdmsr(MSR_PAT));
	if (vmx_caps.entry & ENTRY_LOAD_PERF)		/* Bochs has the control without the MSR (P1) */
		vmcs_write(GUEST_PERF_GLOBAL_CTRL, v->perf_global_ctrl = rdmsr_safe(MSR_PERF_GLOBAL_CTRL, &perf) ? perf : 0);
	if (vmx_caps.entry & ENTRY_LOAD_LBR)
		vmcs_write(GUEST_LBR_CTL, 0);
	vmcs_write(GUEST_SYSENTER_CS, rdmsr(MSR_SYSENTER_CS));
	vmcs_write(GUEST_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP));
	vmcs_write(GUEST_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP));
	init_state(v, 0, BOOT_SECTOR_AT, 0);
	vmcs_write(GUEST_IDTR_LIMIT, 0x3ff);
	vmcs_write(GUEST_RSP, BOOT_SECTOR_AT);
	v->regs.rdx = machine.handoff.boot_drive;
	v->waits_for_sipi = !starts;
	vmcs_write(GUEST_ACTIVITY_STATE, starts ? ACTIVITY_ACTIVE : ACTIVITY_WAIT_FOR_SIPI);
}

void state_start_ap(struct vcpu *v, u8 vector)
{
	init_state(v, (u16)(vector << 8), 0, state_cr0() & (CR0_CD | CR0_NW));
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	interrupts_drop(v);
	nmi_forget(v);
	lapic_reset();
	__atomic_store_n(&v->waits_for_sipi, false, __ATOMIC_SEQ_CST);
}
