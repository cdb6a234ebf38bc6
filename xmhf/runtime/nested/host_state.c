/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading host state (SDM 28.5): control registers, MSRs, segments, everything that a VM exit sets. */
#include "guest/memory.h"
#include "guest/state.h"
#include "machine/cpu_insn.h"
#include "machine/machine.h"
#include "memory/ept01.h"
#include "nested/host_state.h"
#include "vmx/setup.h"

#define DR7_AFTER_EXIT	0x400
#define AR_CODE64	0xa09b		/* 28.5.2: types, S, DPL 0, P, L or D/B, G */
#define AR_CODE32	0xc09b
#define AR_DATA		0xc093
#define AR_BUSY_TSS	0x8b
#define AR_UNUSABLE	BIT(16)
#define TSS_LIMIT	0x67
#define NO_LIMIT	0xffffffffu
#define TABLE_LIMIT	0xffff
#define PDPT_ADDRESS	0xffffffe0u		/* 28.5.4 */

void l2_state_read(const struct vmcs12 *m, struct l2_state *l2)
{
	if (!(m->EXIT_CTRLS & EXIT_LOAD_PAT))
		l2->pat = vmcs_read(GUEST_PAT);
	if (!(m->EXIT_CTRLS & EXIT_LOAD_EFER))
		l2->efer = vmcs_read(GUEST_EFER);
	if (vmx_caps.entry & ENTRY_LOAD_LBR)
		l2->lbr_ctl = vmcs_read(GUEST_LBR_CTL);
}

static u32 data_rights(u16 selector) { return selector ? AR_DATA : AR_DATA | AR_UNUSABLE; }

static u32 code_rights(const struct vmcs12 *m) { return m->EXIT_CTRLS & EXIT_HOST_64 ? AR_CODE64 : AR_CODE32; }

/* 28.5.1; CD and NW stay as they are. */
static uptr host_cr0(const struct vmcs12 *m) { return ((uptr)m->HOST_CR0 & ~(uptr)(CR0_CD | CR0_NW)) | CR0_ET; }

static uptr host_cr4(const struct vmcs12 *m)
{
	uptr cr4 = (uptr)m->HOST_CR4;

	return m->EXIT_CTRLS & EXIT_HOST_64 ? cr4 | CR4_PAE : cr4 & ~(uptr)CR4_PCIDE;
}

static uptr host_cr4_real(const struct vmcs12 *m)
{
	return (host_cr4(m) & ~state_cr4_owned()) | (uptr)vmx_caps.cr4_fixed0;
}

static u32 each_exit(const struct vmcs12 *m)
{
	const u32 loads = EXIT_LOAD_PAT | EXIT_LOAD_EFER;
	u32 secondary = secondary_controls(m);
	bool pae = !(m->EXIT_CTRLS & EXIT_HOST_64) && m->HOST_CR4 & CR4_PAE, ia32e = nested_caps.msr[CAP_MISC] & MISC_STORES_LMA;

	return ((m->EXIT_CTRLS & loads) != loads || vmx_caps.entry & ENTRY_LOAD_LBR ? LEAVE_MSRS : 0) |
	       (m->EXIT_MSR_STORE_COUNT || m->EXIT_MSR_LOAD_COUNT ? LEAVE_AREAS : 0) |
	       (secondary & SECONDARY_VPID ? 0 : LEAVE_FLUSH) | (m->PIN_CTRLS & PIN_VIRTUAL_NMIS ? 0 : LEAVE_NMIS) |
	       (ia32e && secondary & SECONDARY_UNRESTRICTED ? LEAVE_IA32E : 0) | (m->EXIT_CTRLS & EXIT_SAVE_TIMER ? LEAVE_TIMER : 0) |
	       (secondary & SECONDARY_VIRTUAL_INTR ? LEAVE_VIRTUAL_INTR : 0) | (secondary & SECONDARY_PML ? LEAVE_PML : 0) |
	       (pae ? LEAVE_PDPTES : 0) | (m->EXIT_CTRLS & EXIT_LOAD_PERF ? LEAVE_PERF : 0);
}

void host_state_make(struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;
	struct host_state *h = c->host;

#define HOST_SET(field, value) h->field = value;
	HOST_STATE(HOST_SET)
#undef HOST_SET
	h->cr0_shadow = host_cr0(m);
	h->cr4_shadow = host_cr4(m);
	h->pdptes_seen = 0;
	c->each_exit = each_exit(m) | (c->wide ? LEAVE_WIDE : 0);
}

static void shadows(struct vcpu *v, const struct host_state *h, uptr cd_nw)
{
	if (v->cr0_shadow != (h->cr0_shadow | cd_nw))
		state_shadow_cr0(v, h->cr0_shadow | cd_nw);
	if (v->cr4_shadow != h->cr4_shadow)
		state_shadow_cr4(v, h->cr4_shadow);
}

/* Those that L1 hasn't written since, host_msrs.c says. What goes on from L2, or is loaded by an area, is new each time. */
static NOINLINE void load_msrs(struct nested *n, const struct nested_vmcs *c, const struct l2_state *l2)
{
	const struct vmcs12 *m = c->m;
	u32 exit = m->EXIT_CTRLS;
	u64 long_mode = exit & EXIT_HOST_64 ? EFER_LMA | EFER_LME : 0;

	n->host_msrs_of = c->each_exit & (LEAVE_MSRS | LEAVE_AREAS) ? NULL : c;
	vmcs_write(GUEST_SYSENTER_CS, m->HOST_SYSENTER_CS);
	vmcs_write(GUEST_SYSENTER_ESP, m->HOST_SYSENTER_ESP);
	vmcs_write(GUEST_SYSENTER_EIP, m->HOST_SYSENTER_EIP);
	vmcs_write(GUEST_DEBUGCTL, 0);
	vmcs_write(GUEST_PAT, exit & EXIT_LOAD_PAT ? m->HOST_PAT : l2->pat);
	vmcs_write(GUEST_EFER, exit & EXIT_LOAD_EFER ? m->HOST_EFER : (l2->efer & ~(u64)(EFER_LMA | EFER_LME)) | long_mode);
	if (vmx_caps.entry & ENTRY_LOAD_LBR)
		vmcs_write(GUEST_LBR_CTL, l2->lbr_ctl);
}

/* Where host CR3 leads, and may have changed. */
static NOINLINE bool find_pdptes(struct host_state *h)
{
	u32 generation = nested_pages_generation();
	bool found = guest_read_pdptes((u32)h->GUEST_CR3, h->pdptes);

	h->pdptes_seen = found ? generation : 0;
	return found;
}

/* L1 may have written to them, and then they are checked again. */
static bool look_at_pdptes(struct host_state *h)
{
	const volatile u64 *now = (const u64 *)(uptr)(h->GUEST_CR3 & PDPT_ADDRESS);

#pragma GCC unroll 4
	for (u32 i = 0; i < 4; i++) {
		u64 pdpte = now[i];

		if (pdpte == h->pdptes[i])
			continue;
		if (!walk_pdpte_valid(pdpte, machine.maxphyaddr))
			return false;
		h->pdptes[i] = pdpte;
	}
	return true;
}

/* 28.5.4: a 32-bit host with PAE. They are looked at under the lock: else the page might be somebody else's by now. */
static NOINLINE bool pdptes(struct host_state *h)
{
	bool seen, good = true;

	lock_take(&ept01_lock);
	seen = h->pdptes_seen == nested_pages_moves;
	if (seen)
		good = look_at_pdptes(h);
	lock_drop(&ept01_lock);
	if (!good || (!seen && !find_pdptes(h)))
		return false;
#pragma GCC unroll 4
	for (u32 i = 0; i < 4; i++)
		vmcs_write_from((enum vmcs_field)(GUEST_PDPTE0 + 2 * i), &h->pdptes[i]);
	return true;
}

bool host_state_load(struct vcpu *v, const struct nested_vmcs *c, const struct l2_state *l2)
{
	struct host_state *h = c->host;

#define HOST_WRITE(field, value) vmcs_write_from(field, &h->field);
	HOST_STATE(HOST_WRITE)
#undef HOST_WRITE
	shadows(v, h, l2->cd_nw);
	if (v->nested->host_msrs_of != c)
		load_msrs(v->nested, c, l2);
	if (c->each_exit & LEAVE_PERF)
		v->perf_global_ctrl = c->m->HOST_PERF_GLOBAL_CTRL;
	if (v->perf_global_ctrl != v->nested->perf01 && vmx_caps.entry & ENTRY_LOAD_PERF)
		vmcs_write(GUEST_PERF_GLOBAL_CTRL, v->perf_global_ctrl);
	return !(c->each_exit & LEAVE_PDPTES) || pdptes(h);
}
