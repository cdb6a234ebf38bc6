/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's MSR areas (SDM 27.4, 28.4, 28.6), an entry at a time, as RDMSR and WRMSR by the guest whose VMCS is current: those
 * that live in its VMCS there, the others in the CPU by L1's policy. And such RDMSRs and WRMSRs of L2.
 */
#include "guest/exits.h"
#include "guest/memory.h"
#include "machine/cpu_insn.h"
#include "machine/machine.h"
#include "machine/trap.h"
#include "nested/facts.h"
#include "nested/l2_apic.h"
#include "nested/l2_exits.h"
#include "nested/state.h"
#include "vmx/setup.h"

#define ENTRIES_MAX	512u	/* IA32_VMX_MISC says so: beyond it is undefined (A.6), here a failure */

static bool any(u64 value)
{
	(void)value;
	return true;
}

static bool is_canonical(u64 value)
{
	return canonical(value, facts_linear_bits());
}

static bool is_pat(u64 value)
{
	return pat_valid(value);
}

/*
 * Without recording branches of ours: LBR would put them among the guest's, TR with BTS (neither does anything alone) at the
 * linear address of the guest's buffer.
 */
static bool tries_debugctl(u64 value)
{
	bool takes = wrmsr_safe(MSR_DEBUGCTL, value & ~(u64)(DEBUGCTL_LBR | DEBUGCTL_TR));

	if (!takes)
		return false;
	if (value & DEBUGCTL_TR)
		takes = wrmsr_safe(MSR_DEBUGCTL, DEBUGCTL_TR);
	wrmsr(MSR_DEBUGCTL, 0);
	return takes;
}

/* With recording off: no branch of ours gets into the guest's records. */
static bool tries_lbr_ctl(u64 value)
{
	if (!wrmsr_safe(MSR_LBR_CTL, value & ~(u64)LBR_CTL_ENABLE))
		return false;
	wrmsr(MSR_LBR_CTL, 0);
	return true;
}

/* LMA stays what it is, LME too with paging (27.4). */
static bool is_efer(u64 value)
{
	bool flips_lme = (value ^ vmcs_read(GUEST_EFER)) & EFER_LME;

	return !(value & ~guest_efer_bits()) && !(flips_lme && vmcs_read(GUEST_CR0) & CR0_PG);
}

/* MSRs that VM entries and exits switch. */
static const struct switched {
	u32 msr;
	enum vmcs_field field;
	u32 entry_control;		/* in use with it alone; 0: always */
	bool (*valid)(u64 value);
} switched[] = {
	{ MSR_SYSENTER_CS,  GUEST_SYSENTER_CS,	0,		  any },
	{ MSR_SYSENTER_ESP, GUEST_SYSENTER_ESP, 0,		  is_canonical },
	{ MSR_SYSENTER_EIP, GUEST_SYSENTER_EIP, 0,		  is_canonical },
	{ MSR_DEBUGCTL,	    GUEST_DEBUGCTL,	ENTRY_LOAD_DEBUG, tries_debugctl },
	{ MSR_PAT,	    GUEST_PAT,		ENTRY_LOAD_PAT,	  is_pat },
	{ MSR_EFER,	    GUEST_EFER,		ENTRY_LOAD_EFER,  is_efer },
	{ MSR_LBR_CTL,	    GUEST_LBR_CTL,	ENTRY_LOAD_LBR,	  tries_lbr_ctl },
	{ MSR_FS_BASE,	    GUEST_FS_BASE,	0,		  is_canonical },
	{ MSR_GS_BASE,	    GUEST_GS_BASE,	0,		  is_canonical },
};

static const struct switched *find(u32 msr)
{
	for (u32 i = 0; i < ARRAY_SIZE(switched); i++)
		if (switched[i].msr == msr && (switched[i].entry_control & ~vmx_caps.entry) == 0)
			return &switched[i];
	return NULL;
}

static bool write_msr(u32 msr, u64 value)
{
	const struct switched *s = find(msr);

	if (!s)
		return guest_msr_write(msr, value);
	if (!s->valid(value))
		return false;
	if (msr == MSR_EFER)
		value = (value & ~(u64)EFER_LMA) | (vmcs_read(GUEST_EFER) & EFER_LMA);
	vmcs_write(s->field, value);
	return true;
}

static bool read_msr(u32 msr, u64 *value)
{
	const struct switched *s = find(msr);

	if (!s)
		return guest_msr_read(msr, value);
	*value = vmcs_read(s->field);
	return true;
}

bool nested_msr_write(struct vcpu *v, u32 msr, u64 value)
{
	if (find(msr))
		v->nested->host_msrs_of = NULL;
	return write_msr(msr, value);
}

static bool load(const struct msr_entry *e) { return !check_msr_load(e) && write_msr(e->index, e->value); }
static bool store(struct msr_entry *e) { return !check_msr_store(e) && read_msr(e->index, &e->value); }

/* The product's bits from 48 on. */
static u64 scaled(u64 tsc, u64 multiplier)
{
	u64 low = (u64)(u32)tsc * (u32)multiplier, a = (tsc >> 32) * (u32)multiplier, b = (u32)tsc * (multiplier >> 32);
	u64 middle = (low >> 32) + (u32)a + (u32)b, high = (tsc >> 32) * (multiplier >> 32) + (a >> 32) + (b >> 32) + (middle >> 32);

	return high << 16 | (u32)middle >> 16;
}

/* L2's clock (26.3); L1's is the CPU's. */
static u64 tsc_of_l2(const struct vmcs12 *m)
{
	u64 tsc = rdtsc();

	if (!(m->PRIMARY_CTRLS & PRIMARY_TSC_OFFSET))
		return tsc;
	return (secondary_controls(m) & SECONDARY_TSC_SCALING ? scaled(tsc, m->TSC_MULTIPLIER) : tsc) + m->TSC_OFFSET;
}

/* Ours are few, but while L1's MSR bitmap is blind (bitmaps.c) each access comes here. */
enum verdict l2_rdmsr(struct vcpu *v)
{
	u64 value;

	if ((u32)v->regs.rcx == MSR_TSC)
		value = tsc_of_l2(v->nested->current->m);
	else if (!l2_apic_reads(v, (u32)v->regs.rcx, &value) && !read_msr((u32)v->regs.rcx, &value))
		return inject(v, GP_FAULT, 0);
	guest_set_edx_eax(v, value);
	return ADVANCE;
}

enum verdict l2_wrmsr(struct vcpu *v)
{
	enum verdict verdict;

	if (l2_apic_writes(v, (u32)v->regs.rcx, guest_edx_eax(v), &verdict))
		return verdict;
	if (!find((u32)v->regs.rcx))
		return guest_wrmsr(v);
	return write_msr((u32)v->regs.rcx, guest_edx_eax(v)) ? ADVANCE : inject(v, GP_FAULT, 0);
}

u32 msr_area_load(u64 at, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		struct msr_entry e;

		if (i == ENTRIES_MAX || !guest_read_physical((gpa1_t){ at + i * sizeof(e) }, &e, sizeof(e)) || !load(&e))
			return i + 1;
	}
	return 0;
}

u32 msr_area_store(u64 at, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		gpa1_t place = { at + i * sizeof(struct msr_entry) };
		struct msr_entry e;

		if (i == ENTRIES_MAX || !guest_read_physical(place, &e, sizeof(e)) || !store(&e))
			return i + 1;
		if (!guest_write_physical((gpa1_t){ place.at + offsetof(struct msr_entry, value) }, &e.value, sizeof(e.value)))
			continue;		/* no memory of L1's: lost, as a write there is */
	}
	return 0;
}
