/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes to CR0 and CR4 that touch a bit of ours: CD and NW in CR0 (remembered, never set), VMXE in CR4, the bits that
 * VMX wants fixed, for L1 too once it is in VMX operation. All other writes don't exit: with unrestricted guest the CPU
 * does them itself.
 */
#include "guest/exits.h"
#include "guest/memory.h"
#include "guest/state.h"
#include "lib/walk.h"
#include "machine/cpu_insn.h"
#include "machine/machine.h"
#include "nested/checks.h"
#include "nested/nested.h"
#include "vmx/exit_qualification.h"
#include "vmx/setup.h"

#define CR3_PCID	0xfffu

#define AR_TYPE		15
#define AR_BUSY_TSS16	3

#define CR0_DEFINED	(CR0_PE | CR0_MP | BIT(2) | CR0_TS | CR0_ET | CR0_NE | CR0_WP | BIT(18) | CR0_NW | CR0_CD | CR0_PG)

/* SDM 24.8: in VMX operation. @fixed0 and the capability after it say what must be 1 and what may be. */
static bool unfit_for_vmx(const struct vcpu *v, uptr value, enum vmx_cap fixed0)
{
	return nested_is_on(v) && !bits_fit(value, nested_caps.msr[fixed0], nested_caps.msr[fixed0 + 1]);
}

/* The faults of MOV to CR0, SDM vol. 2. */
static bool cr0_faults(uptr value, uptr before, u64 efer, uptr cr4)
{
	bool pg = value & CR0_PG, turns_on = pg && !(before & CR0_PG), turns_off = !pg && before & CR0_PG;
	bool tss16 = (vmcs_read32(GUEST_TR_AR) & AR_TYPE) == AR_BUSY_TSS16;
	bool long_code = efer & EFER_LMA && vmcs_read32(GUEST_CS_AR) & AR_LONG;

	return (u64)value >> 32 ||
	       (value & CR0_NW && !(value & CR0_CD)) ||
	       (pg && !(value & CR0_PE)) ||
	       (!(value & CR0_WP) && cr4 & CR4_CET) ||
	       (turns_off && (long_code || cr4 & CR4_PCIDE)) ||
	       (turns_on && efer & EFER_LME && (!(cr4 & CR4_PAE) || tss16 || vmcs_read32(GUEST_CS_AR) & AR_LONG));
}

/* EFER.LMA and the entry control follow CR0.PG (SDM 11.8.5). */
static void set_long_mode(bool on, u64 efer)
{
	u32 entry = vmcs_read32(ENTRY_CTRLS);

	vmcs_write(GUEST_EFER, on ? efer | EFER_LMA : efer & ~(u64)EFER_LMA);
	vmcs_write(ENTRY_CTRLS, on ? entry | ENTRY_IA32E : entry & ~(u32)ENTRY_IA32E);
}

static bool load_pdptes(void)
{
	u64 pdpte[4];

	if (!guest_read_pdptes((u32)vmcs_read(GUEST_CR3), pdpte))
		return false;
	for (u32 i = 0; i < 4; i++)
		vmcs_write((enum vmcs_field)(GUEST_PDPTE0 + 2 * i), pdpte[i]);
	return true;
}

bool guest_cr0_takes_effect(uptr before, uptr value)
{
	bool flips_pg = (value ^ before) & CR0_PG;
	u64 efer = vmcs_read(GUEST_EFER);
	uptr cr4 = state_cr4();

	if (cr0_faults(value, before, efer, cr4))
		return false;
	if (flips_pg && efer & EFER_LME)
		set_long_mode(value & CR0_PG, efer);
	else if ((value ^ before) & (CR0_PG | CR0_CD | CR0_NW) && value & CR0_PG && cr4 & CR4_PAE && !(efer & EFER_LME))
		return load_pdptes();
	return true;
}

static enum verdict write_cr0_of_guest(struct vcpu *v, uptr value)
{
	uptr before = state_cr0(), owned = state_cr0_owned();

	if (unfit_for_vmx(v, value, CAP_CR0_FIXED0) || !guest_cr0_takes_effect(before, value))
		return inject(v, GP_FAULT, 0);
	value = (value & CR0_DEFINED) | CR0_ET;
	state_shadow_cr0(v, value);
	vmcs_write(GUEST_CR0, ((uptr)vmcs_read(GUEST_CR0) & owned) | (value & ~owned));
	if ((value ^ before) & (CR0_PG | CR0_WP | CR0_PE))
		state_flush_linear();
	return ADVANCE;
}

/* The faults of MOV to CR4, SDM vol. 2. What VMX operation allows is what the CPU has; what we hide of that is reserved. */
static bool cr4_faults(uptr value, uptr before, uptr cr0, u64 efer)
{
	uptr reserved = ~(uptr)vmx_caps.cr4_fixed1 | CR4_SMXE | (uptr)CR4_FRED;
	uptr sets = value & ~before, changes = value ^ before;

	return value & reserved ||
	       (efer & EFER_LMA && (!(value & CR4_PAE) || changes & CR4_LA57)) ||
	       (sets & CR4_PCIDE && (!(efer & EFER_LMA) || vmcs_read(GUEST_CR3) & CR3_PCID)) ||
	       (value & CR4_CET && !(cr0 & CR0_WP));
}

static enum verdict write_cr4_of_guest(struct vcpu *v, uptr value)
{
	uptr before = state_cr4(), owned = state_cr4_owned(), cr0 = state_cr0(), changes = value ^ before;
	u64 efer = vmcs_read(GUEST_EFER);

	if (cr4_faults(value, before, cr0, efer) || unfit_for_vmx(v, value, CAP_CR4_FIXED0))
		return inject(v, GP_FAULT, 0);
	if (changes & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP) && cr0 & CR0_PG && value & CR4_PAE && !(efer & EFER_LMA) &&
	    !load_pdptes())
		return inject(v, GP_FAULT, 0);
	state_shadow_cr4(v, value);
	vmcs_write(GUEST_CR4, ((uptr)vmcs_read(GUEST_CR4) & owned) | (value & ~owned));
	if (changes & ~(uptr)CR4_VMXE)
		state_flush_linear();
	return ADVANCE;
}

uptr guest_cr_operand(const struct vcpu *v, u64 qualification)
{
	u32 reg = CR_QUAL_REG(qualification);
	uptr value = reg == 4 ? (uptr)vmcs_read(GUEST_RSP) : v->regs.r[reg & (NR_GPRS - 1)];

	return guest_code_bits() == 64 ? value : (u32)value;	/* what 64-bit code left above it isn't the operand's */
}

enum verdict guest_cr(struct vcpu *v)
{
	u64 qualification = vmcs_read(EXIT_QUALIFICATION);
	uptr value = guest_cr_operand(v, qualification);

	if (CR_QUAL_TYPE(qualification) != CR_TYPE_MOV_TO)
		return inject(v, UD_FAULT, -1);		/* CLTS and LMSW set or clear no bit of ours: not reached */
	return CR_QUAL_CR(qualification) == 0 ? write_cr0_of_guest(v, value) : write_cr4_of_guest(v, value);
}
