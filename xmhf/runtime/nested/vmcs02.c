/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS02 out of VMCS12, and back. Fields that mean the same in both are passed on as they are; for each of the
 * others a function says what becomes of it. Only what L1 changed is written.
 */
#include "guest/memory.h"
#include "guest/policy.h"
#include "guest/state.h"
#include "hypapp/hypapp.h"
#include "machine/cpu_insn.h"
#include "nested/bitmaps.h"
#include "nested/vmcs02.h"
#include "vmx/exit.h"
#include "vmx/primary.h"
#include "vmx/setup.h"

/* Does the CPU have this field? By the field table's last column: what L1 is offered the CPU has. */
static bool has(enum vmcs_field field) { return vmcs12_field(&nested_map, field) != NULL; }

/* ---- what goes on from L1 ---- */

void l1_state_read(const struct vmcs12 *m, struct l1_state *l1)
{
	if (!(m->ENTRY_CTRLS & ENTRY_LOAD_DEBUG)) {
		l1->debugctl = vmcs_read(GUEST_DEBUGCTL);
		l1->dr7 = vmcs_read(GUEST_DR7);
	}
	if (!(m->ENTRY_CTRLS & ENTRY_LOAD_PAT))
		l1->pat = vmcs_read(GUEST_PAT);
	if (vmx_caps.entry & ENTRY_LOAD_LBR)
		l1->lbr_ctl = vmcs_read(GUEST_LBR_CTL);
	l1->efer = vmcs_read(GUEST_EFER);
}

/* ---- controls ---- */

void vmcs02_init(struct vcpu *v, struct nested_vmcs *c)
{
	vmx_write_host_state(v, vm_exit_stub_l2);
	vmcs_write(VMCS_LINK_POINTER, ~0ull);
	vmcs_write(EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(GUEST_SMBASE, 0);
	if (has(VMFUNC_CTRLS))
		vmcs_write(VMFUNC_CTRLS, 0);		/* every function exits: vmfunc.c */
	vmcs_write(ENTRY_INTR_INFO, 0);
	if (vmx_caps.entry & ENTRY_LOAD_PERF)
		vmcs_write(GUEST_PERF_GLOBAL_CTRL, c->perf02 = 0);
	vmcs_write(PRIMARY_CTRLS, c->primary02 = vmx_caps.primary);
	c->initialised = true;
}

static u32 primary_for_l2(const struct vmcs12 *m)
{
	u32 primary = m->PRIMARY_CTRLS | PRIMARY_MSR_BITMAPS | PRIMARY_SECONDARY;

	if (!(primary & PRIMARY_ALL_IO) || m->PRIMARY_CTRLS & PRIMARY_IO_BITMAPS)
		primary |= PRIMARY_IO_BITMAPS;
	return primary;
}

/* EPT is always on; of what L1 can ask for, we do VM functions, #VE, PML and VMCS shadowing without the CPU. */
static u32 secondary_for_l2(const struct vmcs12 *m)
{
	u32 secondary = secondary_controls(m) & ~(u32)(SECONDARY_EPT_VE | SECONDARY_PML | SECONDARY_VMCS_SHADOWING);

	return secondary | SECONDARY_EPT | (vmx_caps.secondary & SECONDARY_VPID);
}

/* Interrupts that we take for a hypapp are acknowledged by the exit, whatever L1 asks for. */
static u32 exit_ctrls_for_l2(const struct vcpu *v, const struct vmcs12 *m)
{
	u32 exit = vmx_caps.exit | (m->EXIT_CTRLS & EXIT_ACK_INTR) | (v->pin_ctrls & PIN_EXTINT ? EXIT_ACK_INTR : 0);

	return m->PIN_CTRLS & PIN_PREEMPTION_TIMER ? exit | EXIT_SAVE_TIMER : exit;
}

static void write_controls(const struct vcpu *v, struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;

	vmcs_write(PIN_CTRLS, c->pin02 = v->pin_ctrls | m->PIN_CTRLS);
	vmcs_write(SECONDARY_CTRLS, secondary_for_l2(m));
	vmcs_write(EXIT_CTRLS, exit_ctrls_for_l2(v, m));
	vmcs_write(ENTRY_CTRLS, vmx_caps.entry | (m->ENTRY_CTRLS & ENTRY_IA32E));
}

#define IF_HAS(name)	if (has(name)) vmcs_write(name, m->name)

/* Those that the CPU may take from L1 as they are. */
static void write_plain_controls(const struct vmcs12 *m)
{
	vmcs_write(PF_ERROR_MASK, m->PF_ERROR_MASK);
	vmcs_write(PF_ERROR_MATCH, m->PF_ERROR_MATCH);
	vmcs_write(TSC_OFFSET, m->TSC_OFFSET);
	vmcs_write(CR3_TARGET_COUNT, m->CR3_TARGET_COUNT);
	vmcs_write(CR3_TARGET0, m->CR3_TARGET0);
	vmcs_write(CR3_TARGET1, m->CR3_TARGET1);
	vmcs_write(CR3_TARGET2, m->CR3_TARGET2);
	vmcs_write(CR3_TARGET3, m->CR3_TARGET3);
	IF_HAS(TSC_MULTIPLIER);
	IF_HAS(PLE_GAP);
	IF_HAS(PLE_WINDOW);
	IF_HAS(EOI_EXIT_BITMAP0);
	IF_HAS(EOI_EXIT_BITMAP1);
	IF_HAS(EOI_EXIT_BITMAP2);
	IF_HAS(EOI_EXIT_BITMAP3);
	IF_HAS(XSS_EXITING_BITMAP);
	IF_HAS(POSTED_INTR_NV);
	IF_HAS(APIC_ACCESS_ADDR);		/* never accessed itself, only compared with where EPT02 leads */
}

/* The CPU reads and writes these past EPT: only L1's own memory may be there. */
static void write_pages(const struct vmcs12 *m)
{
	if (m->PRIMARY_CTRLS & PRIMARY_TPR_SHADOW)
		vmcs_write(VIRTUAL_APIC_ADDR, nested_page_to_write(m->VIRTUAL_APIC_ADDR));
	if (m->PIN_CTRLS & PIN_POSTED_INTR)
		vmcs_write(POSTED_INTR_DESC, nested_page_to_write(m->POSTED_INTR_DESC & ~(u64)PAGE_MASK) |
					     (m->POSTED_INTR_DESC & PAGE_MASK));
}

static void write_bitmaps(struct nested_vmcs *c)
{
	const u8 *io = c->m->PRIMARY_CTRLS & PRIMARY_IO_BITMAPS ? c->io_bitmaps : policy_io_bitmap;

	vmcs_write(MSR_BITMAP, (uptr)c->msr_bitmap);
	vmcs_write(IO_BITMAP_A, (uptr)io);
	vmcs_write(IO_BITMAP_B, (uptr)io + PAGE_SIZE);
}

/* ---- guest state ---- */

/* CD and NW of the CPU stay 0; L2 sees those that L1 had as it entered (VM entry doesn't load them, SDM 27.3.2.1). */
static void write_cr_shadows(const struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;

	vmcs_write(CR0_MASK, m->CR0_MASK | L2_CR0_OURS);
	vmcs_write(CR0_SHADOW, (m->CR0_SHADOW & m->CR0_MASK) | (c->cd_nw & ~m->CR0_MASK));
	vmcs_write(CR4_MASK, m->CR4_MASK | L2_CR4_OURS);
	vmcs_write(CR4_SHADOW, m->CR4_SHADOW & m->CR4_MASK);
}

/* Without "load IA32_EFER" LMA, and with paging LME, follow the entry control (27.3.2.1). L2's CR0 is in VMCS02 already. */
static u64 efer_for_l2(const struct vmcs12 *m, const struct l1_state *l1)
{
	bool ia32e = m->ENTRY_CTRLS & ENTRY_IA32E;
	u64 efer = l1->efer, follows;

	if (m->ENTRY_CTRLS & ENTRY_LOAD_EFER)
		return m->GUEST_EFER;
	follows = EFER_LMA | (vmcs_read(GUEST_CR0) & CR0_PG ? EFER_LME : 0);
	return ia32e ? efer | follows : efer & ~follows;
}

/* What L1 loads is in VMCS02 already if its last exit saved it there and L1 didn't write it since; else it is loaded again. */
static bool again(const struct vmcs12 *m, u32 load, u32 save) { return m->ENTRY_CTRLS & load && !(m->EXIT_CTRLS & save); }

static bool loads_again(const struct vmcs12 *m)
{
	return again(m, ENTRY_LOAD_DEBUG, EXIT_SAVE_DEBUG) || again(m, ENTRY_LOAD_PAT, EXIT_SAVE_PAT) ||
	       again(m, ENTRY_LOAD_EFER, EXIT_SAVE_EFER);
}

void vmcs02_load_again(const struct vmcs12 *m)
{
	if (again(m, ENTRY_LOAD_DEBUG, EXIT_SAVE_DEBUG)) {
		vmcs_write(GUEST_DEBUGCTL, m->GUEST_DEBUGCTL);
		vmcs_write(GUEST_DR7, m->GUEST_DR7);
	}
	if (again(m, ENTRY_LOAD_PAT, EXIT_SAVE_PAT))
		vmcs_write(GUEST_PAT, m->GUEST_PAT);
	if (again(m, ENTRY_LOAD_EFER, EXIT_SAVE_EFER))
		vmcs_write(GUEST_EFER, m->GUEST_EFER);
}

static u32 wants_each_entry(const struct vmcs12 *m)
{
	const u32 loads = ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER;
	bool msrs = (m->ENTRY_CTRLS & loads) != loads || vmx_caps.entry & ENTRY_LOAD_LBR;
	bool timer = m->PIN_CTRLS & PIN_PREEMPTION_TIMER && !(m->EXIT_CTRLS & EXIT_SAVE_TIMER);

	return (msrs ? EACH_MSRS : 0) | (secondary_controls(m) & SECONDARY_EPT ? 0 : EACH_PDPTES) | (timer ? EACH_TIMER : 0) |
	       (m->ENTRY_CTRLS & ENTRY_LOAD_PERF ? EACH_PERF : 0) | (m->ENTRY_MSR_LOAD_COUNT ? EACH_AREA : 0) |
	       (secondary_controls(m) & SECONDARY_VPID ? 0 : EACH_FLUSH) | (xmhf_hypapp.nested_entry ? EACH_HYPAPP : 0) |
	       ((m->PIN_CTRLS & (PIN_NMI | PIN_VIRTUAL_NMIS)) == PIN_NMI ? EACH_NMIS : 0);
}

/* What goes on from L1; and what L1 loads, where VMCS02 hasn't that from before. */
static void write_switched(const struct vmcs12 *m, const struct l1_state *l1, bool all)
{
	u32 entry = m->ENTRY_CTRLS;

	if (all || !(entry & ENTRY_LOAD_DEBUG)) {
		vmcs_write(GUEST_DEBUGCTL, entry & ENTRY_LOAD_DEBUG ? m->GUEST_DEBUGCTL : l1->debugctl);
		vmcs_write(GUEST_DR7, entry & ENTRY_LOAD_DEBUG ? m->GUEST_DR7 : l1->dr7);
	}
	if (all || !(entry & ENTRY_LOAD_PAT))
		vmcs_write(GUEST_PAT, entry & ENTRY_LOAD_PAT ? m->GUEST_PAT : l1->pat);
	if (all || !(entry & ENTRY_LOAD_EFER))
		vmcs_write(GUEST_EFER, efer_for_l2(m, l1));
	if (vmx_caps.entry & ENTRY_LOAD_LBR)
		vmcs_write(GUEST_LBR_CTL, l1->lbr_ctl);
}

static void write_segments(const struct vmcs12 *m)
{
	for (u32 i = 0; i < 8; i++) {
		u32 step = i * SEGMENT_STEP;

		vmcs_write((enum vmcs_field)(GUEST_ES_SELECTOR + step), (&m->GUEST_ES_SELECTOR)[i]);
		vmcs_write((enum vmcs_field)(GUEST_ES_LIMIT + step), (&m->GUEST_ES_LIMIT)[i]);
		vmcs_write((enum vmcs_field)(GUEST_ES_AR + step), (&m->GUEST_ES_AR)[i]);
		vmcs_write((enum vmcs_field)(GUEST_ES_BASE + step), (&m->GUEST_ES_BASE)[i]);
	}
	vmcs_write(GUEST_GDTR_LIMIT, m->GUEST_GDTR_LIMIT);
	vmcs_write(GUEST_GDTR_BASE, m->GUEST_GDTR_BASE);
	vmcs_write(GUEST_IDTR_LIMIT, m->GUEST_IDTR_LIMIT);
	vmcs_write(GUEST_IDTR_BASE, m->GUEST_IDTR_BASE);
}

/* With EPT our CPU takes PDPTEs from the fields; an L1 without EPT has them in memory (27.3.2.4). */
static void write_pdptes(const struct vmcs12 *m)
{
	u64 pdpte[4] = { m->GUEST_PDPTE0, m->GUEST_PDPTE1, m->GUEST_PDPTE2, m->GUEST_PDPTE3 };

	if (!(secondary_controls(m) & SECONDARY_EPT) && !guest_read_pdptes((u32)m->GUEST_CR3, pdpte))
		return;			/* L2 doesn't use them: it would have failed the checks */
	for (u32 i = 0; i < 4; i++)
		vmcs_write((enum vmcs_field)(GUEST_PDPTE0 + 2 * i), pdpte[i]);
}

void vmcs02_write_perf(const struct vcpu *v, struct nested_vmcs *c)
{
	c->perf02 = v->perf_global_ctrl;
	if (vmx_caps.entry & ENTRY_LOAD_PERF)
		vmcs_write(GUEST_PERF_GLOBAL_CTRL, c->perf02);
}

static void write_rare_guest(const struct vmcs12 *m)
{
	vmcs_write(GUEST_CR0, m->GUEST_CR0 & ~(u64)L2_CR0_OURS);
	vmcs_write(GUEST_CR4, m->GUEST_CR4);
	vmcs_write(GUEST_ACTIVITY_STATE, m->GUEST_ACTIVITY_STATE);
	vmcs_write(GUEST_PENDING_DBG, m->GUEST_PENDING_DBG);
	vmcs_write(GUEST_SYSENTER_CS, m->GUEST_SYSENTER_CS);
	vmcs_write(GUEST_SYSENTER_ESP, m->GUEST_SYSENTER_ESP);
	vmcs_write(GUEST_SYSENTER_EIP, m->GUEST_SYSENTER_EIP);
}

#define PASS(name) if (changed & HOT(name)) vmcs_write(name, m->name)

/* An NMI that is injected blocks NMIs whatever the field says; ours are virtual always, which wants it clear then. */
void vmcs02_write_event_details(const struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;

	vmcs_write(ENTRY_ERROR_CODE, m->ENTRY_ERROR_CODE);
	vmcs_write(ENTRY_INSTR_LEN, m->ENTRY_INSTR_LEN);
	if (INTR_TYPE(m->ENTRY_INTR_INFO) == INTR_NMI && !(m->PIN_CTRLS & PIN_VIRTUAL_NMIS))
		vmcs_write(GUEST_INTERRUPTIBILITY, m->GUEST_INTERRUPTIBILITY & ~(u32)BLOCKING_NMI);
}

/* What becomes of these depends on controls that aren't hot. */
#define HOT_BY_CONTROLS	(HOT_CR_SHADOWS | HOT(PRIMARY_CTRLS) | HOT(GUEST_INTERRUPTIBILITY) | HOT(PREEMPTION_TIMER) | \
			 HOT(TPR_THRESHOLD) | HOT(GUEST_INTR_STATUS))

void vmcs02_write_vpid(struct vcpu *v, struct nested_vmcs *c)
{
	u16 vpid;

	if (vmx_caps.secondary & SECONDARY_VPID) {
		vpid = nested_vpid(v, secondary_controls(c->m) & SECONDARY_VPID ? c->m->VPID : 0);
		if (vpid != c->vpid02)
			vmcs_write(VPID, c->vpid02 = vpid);
	}
	c->vpid_moves = v->nested->vpid_moves;
}

/* After L1 wrote a control, by an exit or by VMCS shadowing. */
static void follow_controls(const struct vcpu *v, struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;

	write_controls(v, c);
	write_plain_controls(m);
	write_bitmaps(c);
	if (bitmaps_choose(c))
		c->pages_seen = 0;
	else if (c->pages_seen)
		write_pages(m);		/* alone: what is merged stays */
	c->changed |= HOT_BY_CONTROLS;
	c->vpid_moves = 0;
	nested_use_eptp12(c, secondary_controls(m) & SECONDARY_EPT ? m->EPTP : 0);
	c->primary12 = m->PRIMARY_CTRLS;
	c->each_entry = (c->each_entry & EACH_BY_GUEST) | wants_each_entry(m);
	c->behind_after = vmcs02_behind_after(m);
	c->takes_more = shadow_takes_more(c);
	c->loads_again = loads_again(m);
}

static void follow_rare_guest(struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;

	write_rare_guest(m);
	c->each_entry = (c->each_entry & ~(u32)EACH_BY_GUEST) | (m->VMCS_LINK_POINTER != ~0ull ? EACH_LINK : 0) |
			(m->GUEST_ACTIVITY_STATE == ACTIVITY_WAIT_FOR_SIPI ? EACH_WAIT : 0);
}

/* Hot fields that L1 doesn't write at most entries. */
void vmcs02_write_warm(struct nested_vmcs *c, u32 changed)
{
	const struct vmcs12 *m = c->m;

	if (changed & HOT(PRIMARY_CTRLS))
		c->primary_base = primary_for_l2(m);
	if (changed & HOT_CR_SHADOWS)
		write_cr_shadows(c);
	PASS(EXCEPTION_BITMAP);
	PASS(GUEST_CR3);
	if (changed & HOT(PREEMPTION_TIMER) && m->PIN_CTRLS & PIN_PREEMPTION_TIMER)
		vmcs_write(PREEMPTION_TIMER, m->PREEMPTION_TIMER);
	if (changed & HOT(GUEST_INTR_STATUS) && has(GUEST_INTR_STATUS))
		vmcs_write(GUEST_INTR_STATUS, m->GUEST_INTR_STATUS);
	if (changed & HOT(TPR_THRESHOLD) && has(TPR_THRESHOLD))
		vmcs_write(TPR_THRESHOLD, m->TPR_THRESHOLD);
	if (changed & HOT(GUEST_INTERRUPTIBILITY))
		vmcs_write(GUEST_INTERRUPTIBILITY, m->GUEST_INTERRUPTIBILITY);
}

void vmcs02_write_pages(struct nested_vmcs *c)
{
	c->pages_seen = nested_pages_generation();	/* before it asks where they are */
	write_pages(c->m);
	bitmaps_merge(c);
}

void vmcs02_build(struct vcpu *v, struct nested_vmcs *c, const struct l1_state *l1)
{
	const struct vmcs12 *m = c->m;
	u32 dirty = c->dirty;
	bool all = dirty & (GROUP_BIT(GROUP_GUEST) | GROUP_BIT(GROUP_CONTROL));	/* other fields may be in use now */

	if (dirty & GROUP_BIT(GROUP_CONTROL))
		follow_controls(v, c);
	if (dirty & GROUP_BIT(GROUP_GUEST_SEG))
		write_segments(m);
	if (dirty & GROUP_BIT(GROUP_GUEST))
		follow_rare_guest(c);
	if (c->each_entry & EACH_PDPTES || all)
		write_pdptes(m);
	write_switched(m, l1, all);
	if (c->each_entry & EACH_PERF)
		v->perf_global_ctrl = m->GUEST_PERF_GLOBAL_CTRL;
	if (c->each_entry & EACH_TIMER)
		c->changed |= HOT(PREEMPTION_TIMER);
	vmcs02_follow(v, c);
	c->dirty = 0;
}

void nested_follow_policy(struct vcpu *v)
{
	work_clear(v, WORK_L2_POLICY);
	if (!v->nested)
		return;
	for (u32 i = 0; i < NESTED_CACHED; i++)
		v->nested->cached[i].pages_seen = 0;
	nested_enter_again(v);
}

void nested_follow_interrupts(struct vcpu *v)
{
	struct nested *n = v->nested;
	struct nested_vmcs *c = n->current;

	for (u32 i = 0; i < NESTED_CACHED; i++)
		n->cached[i].dirty |= GROUP_BIT(GROUP_CONTROL);
	if (!v->in_l2)
		return;
	vmcs_use(&c->vmcs02);
	c->pin02 = v->pin_ctrls | c->m->PIN_CTRLS;
	vmcs_write(PIN_CTRLS, c->pin02 | (n->event_after_entry ? PIN_PREEMPTION_TIMER : 0));
	vmcs_write(EXIT_CTRLS, exit_ctrls_for_l2(v, c->m));
}
