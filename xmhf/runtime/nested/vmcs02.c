/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS02 out of VMCS12, and back. Fields that mean the same in both are passed on as they are; for each of the
 * others a function says what becomes of it. Only what L1 changed is written.
 */
#include "guest/memory.h"
#include "guest/policy.h"
#include "guest/state.h"
#include "machine/cpu_insn.h"
#include "nested/bitmaps.h"
#include "nested/vmcs02.h"
#include "vmx/exit.h"
#include "vmx/primary.h"
#include "vmx/setup.h"

/* Does the CPU have this field? By the field table's last column: what L1 is offered the CPU has. */
static bool has(enum vmcs_field field) { return vmcs12_field(&nested_map, field) != NULL; }

/* ---- what goes on from L1 ---- */

void l1_state_read_msrs(const struct vmcs12 *m, struct l1_state *l1)
{
	if (!(m->ENTRY_CTRLS & ENTRY_LOAD_DEBUG)) {
		l1->debugctl = vmcs_read(GUEST_DEBUGCTL);
		l1->dr7 = vmcs_read(GUEST_DR7);
	}
	if (!(m->ENTRY_CTRLS & ENTRY_LOAD_PAT))
		l1->pat = vmcs_read(GUEST_PAT);
	if (vmx_caps.entry & ENTRY_LOAD_LBR)
		l1->lbr_ctl = vmcs_read(GUEST_LBR_CTL);
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

static void write_pin(const struct vcpu *v, struct nested_vmcs *c)
{
	u32 pin = v->pin_ctrls | c->m->PIN_CTRLS;

	if (pin != c->pin02)
		vmcs_write(PIN_CTRLS, c->pin02 = pin);
}

static void write_controls(const struct vcpu *v, const struct vmcs12 *m)
{
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
static void write_control_registers(struct nested_vmcs *c, uptr cd_nw)
{
	const struct vmcs12 *m = c->m;
	u64 cr0_mask = m->CR0_MASK | L2_CR0_OURS, cr4_mask = m->CR4_MASK | L2_CR4_OURS;

	c->cd_nw = cd_nw;
	vmcs_write(CR0_MASK, cr0_mask);
	vmcs_write(CR0_SHADOW, (m->CR0_SHADOW & m->CR0_MASK) | (cd_nw & ~m->CR0_MASK));
	vmcs_write(GUEST_CR0, m->GUEST_CR0 & ~(u64)L2_CR0_OURS);
	vmcs_write(CR4_MASK, cr4_mask);
	vmcs_write(CR4_SHADOW, m->CR4_SHADOW & m->CR4_MASK);
	vmcs_write(GUEST_CR4, m->GUEST_CR4);
}

/* Without "load IA32_EFER" LMA, and with paging LME, follow the entry control (27.3.2.1). */
static u64 efer_for_l2(const struct vmcs12 *m, const struct l1_state *l1)
{
	bool ia32e = m->ENTRY_CTRLS & ENTRY_IA32E;
	u64 efer = l1->efer, follows = EFER_LMA | (m->GUEST_CR0 & CR0_PG ? EFER_LME : 0);

	if (m->ENTRY_CTRLS & ENTRY_LOAD_EFER)
		return m->GUEST_EFER;
	return ia32e ? efer | follows : efer & ~follows;
}

/* VMCS02 has what L1 loads already if its last exit saved it there and L1 didn't write it since. */
static bool keeps(const struct vmcs12 *m, u32 load, u32 save) { return m->ENTRY_CTRLS & load && m->EXIT_CTRLS & save; }

static u32 wants_each_entry(const struct vmcs12 *m)
{
	bool msrs = keeps(m, ENTRY_LOAD_DEBUG, EXIT_SAVE_DEBUG) && keeps(m, ENTRY_LOAD_PAT, EXIT_SAVE_PAT) &&
		    keeps(m, ENTRY_LOAD_EFER, EXIT_SAVE_EFER) && !(vmx_caps.entry & ENTRY_LOAD_LBR);
	bool timer = m->PIN_CTRLS & PIN_PREEMPTION_TIMER && !(m->EXIT_CTRLS & EXIT_SAVE_TIMER);

	return (msrs ? 0 : EACH_MSRS) | (secondary_controls(m) & SECONDARY_EPT ? 0 : EACH_PDPTES) | (timer ? EACH_TIMER : 0) |
	       (m->ENTRY_CTRLS & ENTRY_LOAD_PERF ? EACH_PERF : 0);
}

static void write_switched(const struct nested_vmcs *c, const struct l1_state *l1)
{
	const struct vmcs12 *m = c->m;
	u32 entry = m->ENTRY_CTRLS;
	bool all = c->dirty & GROUP_BIT(GROUP_GUEST);

	if (all || !keeps(m, ENTRY_LOAD_DEBUG, EXIT_SAVE_DEBUG)) {
		vmcs_write(GUEST_DEBUGCTL, entry & ENTRY_LOAD_DEBUG ? m->GUEST_DEBUGCTL : l1->debugctl);
		vmcs_write(GUEST_DR7, entry & ENTRY_LOAD_DEBUG ? m->GUEST_DR7 : l1->dr7);
	}
	if (all || !keeps(m, ENTRY_LOAD_PAT, EXIT_SAVE_PAT))
		vmcs_write(GUEST_PAT, entry & ENTRY_LOAD_PAT ? m->GUEST_PAT : l1->pat);
	if (all || !keeps(m, ENTRY_LOAD_EFER, EXIT_SAVE_EFER))
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

/* What L1 has goes on in L2, unless L1 loads another. */
static void write_perf(struct vcpu *v, struct nested_vmcs *c)
{
	u64 value = c->m->ENTRY_CTRLS & ENTRY_LOAD_PERF ? c->m->GUEST_PERF_GLOBAL_CTRL : v->perf_global_ctrl;

	v->perf_global_ctrl = value;
	if (value != c->perf02 && vmx_caps.entry & ENTRY_LOAD_PERF)
		vmcs_write(GUEST_PERF_GLOBAL_CTRL, c->perf02 = value);
}

static void write_rare_guest(const struct vmcs12 *m)
{
	vmcs_write(GUEST_ACTIVITY_STATE, m->GUEST_ACTIVITY_STATE);
	vmcs_write(GUEST_PENDING_DBG, m->GUEST_PENDING_DBG);
	vmcs_write(GUEST_SYSENTER_CS, m->GUEST_SYSENTER_CS);
	vmcs_write(GUEST_SYSENTER_ESP, m->GUEST_SYSENTER_ESP);
	vmcs_write(GUEST_SYSENTER_EIP, m->GUEST_SYSENTER_EIP);
}

#define PASS(name) if (changed & HOT(name)) vmcs_write(name, m->name)

/*
 * VM exits clear the event, so it is written when there is one. An NMI that is injected blocks NMIs whatever the field says; ours
 * are virtual always, which wants it clear then.
 */
static __attribute__((noinline)) void write_entry_event(const struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;

	vmcs_write(ENTRY_INTR_INFO, m->ENTRY_INTR_INFO);
	vmcs_write(ENTRY_ERROR_CODE, m->ENTRY_ERROR_CODE);
	vmcs_write(ENTRY_INSTR_LEN, m->ENTRY_INSTR_LEN);
	if (INTR_TYPE(m->ENTRY_INTR_INFO) == INTR_NMI && !(m->PIN_CTRLS & PIN_VIRTUAL_NMIS))
		vmcs_write(GUEST_INTERRUPTIBILITY, m->GUEST_INTERRUPTIBILITY & ~(u32)BLOCKING_NMI);
}

#define HOT_CRS		(HOT(CR0_SHADOW) | HOT(GUEST_CR0) | HOT(CR4_SHADOW) | HOT(GUEST_CR4))
/* What becomes of these depends on controls that aren't hot. */
#define HOT_BY_CONTROLS	(HOT_CRS | HOT(PRIMARY_CTRLS) | HOT(GUEST_INTERRUPTIBILITY) | HOT(PREEMPTION_TIMER) | HOT(TPR_THRESHOLD) | \
			 HOT(GUEST_INTR_STATUS))

static u64 changed_hot(const struct nested_vmcs *c)
{
	return c->dirty & GROUP_BIT(GROUP_CONTROL) ? c->changed | HOT_BY_CONTROLS : c->changed;
}

static inline void write_vpid(struct vcpu *v, struct nested_vmcs *c)
{
	u16 vpid;

	if (!(vmx_caps.secondary & SECONDARY_VPID))
		return;
	vpid = nested_vpid(v, secondary_controls(c->m) & SECONDARY_VPID ? c->m->VPID : 0);
	if (vpid != c->vpid02)
		vmcs_write(VPID, c->vpid02 = vpid);
}

/* What L1 wrote by exits. */
static __attribute__((noinline)) void write_dirty(const struct vcpu *v, struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;

	if (c->dirty & GROUP_BIT(GROUP_CONTROL)) {
		write_controls(v, m);
		write_plain_controls(m);
		write_bitmaps(c);
		bitmaps_choose(c);
		c->pages_seen = 0;
		c->primary12 = m->PRIMARY_CTRLS;
		c->each_entry = wants_each_entry(m);
		c->behind_after = vmcs02_behind_after(m);
	}
	if (c->dirty & GROUP_BIT(GROUP_GUEST_SEG))
		write_segments(m);
	if (c->dirty & GROUP_BIT(GROUP_GUEST))
		write_rare_guest(m);
}

/* What VMCS02 doesn't keep, and what else is rare. */
static __attribute__((noinline)) void write_each_entry(struct vcpu *v, struct nested_vmcs *c, const struct l1_state *l1, u64 changed)
{
	const struct vmcs12 *m = c->m;

	if (c->each_entry & EACH_PDPTES || c->dirty & GROUP_BIT(GROUP_GUEST))
		write_pdptes(m);
	write_switched(c, l1);
	write_perf(v, c);
	if (changed & HOT(PREEMPTION_TIMER) || c->each_entry & EACH_TIMER)
		if (m->PIN_CTRLS & PIN_PREEMPTION_TIMER)
			vmcs_write(PREEMPTION_TIMER, m->PREEMPTION_TIMER);
}

/* Hot fields that L1 doesn't write at most entries. */
static __attribute__((noinline)) void write_warm(struct nested_vmcs *c, const struct l1_state *l1, u64 changed)
{
	const struct vmcs12 *m = c->m;

	if (changed & HOT(PRIMARY_CTRLS))
		c->primary_base = primary_for_l2(m);
	if (changed & HOT_CRS || l1->cd_nw != c->cd_nw)
		write_control_registers(c, l1->cd_nw);
	PASS(EXCEPTION_BITMAP);
	PASS(GUEST_CR3);
	PASS(GUEST_CS_AR);
	PASS(GUEST_SS_AR);
	if (changed & HOT(GUEST_INTR_STATUS) && has(GUEST_INTR_STATUS))
		vmcs_write(GUEST_INTR_STATUS, m->GUEST_INTR_STATUS);
	if (changed & HOT(TPR_THRESHOLD) && has(TPR_THRESHOLD))
		vmcs_write(TPR_THRESHOLD, m->TPR_THRESHOLD);
	if (changed & HOT(GUEST_INTERRUPTIBILITY))
		vmcs_write(GUEST_INTERRUPTIBILITY, m->GUEST_INTERRUPTIBILITY);
}

void vmcs02_write_pages(struct nested_vmcs *c)
{
	c->pages_seen = nested_pages_generation();
	write_pages(c->m);
	bitmaps_merge(c);
}

#define HOTTEST	(HOT(GUEST_RIP) | HOT(GUEST_RSP) | HOT(GUEST_RFLAGS))

void vmcs02_build(struct vcpu *v, struct nested_vmcs *c, const struct l1_state *l1)
{
	const struct vmcs12 *m = c->m;
	u64 changed = changed_hot(c);

	if (c->dirty)
		write_dirty(v, c);
	write_pin(v, c);
	if (changed & ~HOTTEST || l1->cd_nw != c->cd_nw)
		write_warm(c, l1, changed);
	v->primary_base = c->primary_base;
	primary_apply(v);
	write_vpid(v, c);
	if (c->dirty || c->each_entry || v->perf_global_ctrl != c->perf02 || changed & HOT(PREEMPTION_TIMER))
		write_each_entry(v, c, l1, changed);
	PASS(GUEST_RIP);
	PASS(GUEST_RSP);
	PASS(GUEST_RFLAGS);
	if (m->ENTRY_INTR_INFO & INTR_VALID)
		write_entry_event(c);
	c->dirty = 0;
	c->changed = 0;
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
	vmcs_use(c->vmcs02);
	c->pin02 = v->pin_ctrls | c->m->PIN_CTRLS;
	vmcs_write(PIN_CTRLS, c->pin02 | (n->event_after_entry ? PIN_PREEMPTION_TIMER : 0));
	vmcs_write(EXIT_CTRLS, exit_ctrls_for_l2(v, c->m));
}
