/* SPDX-License-Identifier: BSD-2-Clause */
/* VMCS02: what we run L2 with, made of VMCS12 and of what we need ourselves. All with VMCS02 current unless said. */
#ifndef NESTED_VMCS02_H
#define NESTED_VMCS02_H

#include "machine/cpu_insn.h"
#include "nested/hot.h"
#include "vmx/primary.h"
#include "vmx/setup.h"

/* The bits of L2's CR0 and CR4 that are ours: never set in VMCS02. */
#define L2_CR0_OURS	((uptr)(CR0_CD | CR0_NW))
#define L2_CR4_OURS	((uptr)(CR4_SMXE | (uptr)CR4_FRED))

/* What L1 has that goes on in L2 unless VMCS12 says otherwise; read from VMCS01. */
struct l1_state {
	u64 debugctl, dr7, pat, efer, lbr_ctl;
};

/* What @m doesn't load, and EFER; with VMCS01 current. */
void l1_state_read(const struct vmcs12 *m, struct l1_state *l1);

/* The fields that are the same in every VMCS02 of @v's; for a region that is current the first time. */
void vmcs02_init(struct vcpu *v, struct nested_vmcs *c);

/* Brings VMCS02 to what VMCS12 says, as far as c->dirty, c->each_entry and c->changed tell that it isn't. */
void vmcs02_build(struct vcpu *v, struct nested_vmcs *c, const struct l1_state *l1);

/* The same by c->changed alone, dirty and each_entry being 0. Its rare parts: */
void vmcs02_write_warm(struct nested_vmcs *c, u32 changed);
void vmcs02_write_perf(const struct vcpu *v, struct nested_vmcs *c);
void vmcs02_write_vpid(struct vcpu *v, struct nested_vmcs *c);
void vmcs02_write_event_details(const struct nested_vmcs *c);
void vmcs02_load_again(const struct vmcs12 *m);

#define HOT_EVENT	(HOT(ENTRY_INTR_INFO) | HOT(ENTRY_ERROR_CODE) | HOT(ENTRY_INSTR_LEN))
#define HOTTEST		(HOT(GUEST_RIP) | HOT(GUEST_RSP) | HOT(GUEST_RFLAGS) | HOT_EVENT)
#define HOT_CR_SHADOWS	(HOT(CR0_SHADOW) | HOT(CR4_SHADOW))

static inline void vmcs02_follow(struct vcpu *v, struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;
	uptr cd_nw = v->cr0_shadow & L2_CR0_OURS;
	u32 changed = c->changed;

	c->changed = 0;
	if (cd_nw != c->cd_nw) {
		c->cd_nw = cd_nw;
		changed |= HOT_CR_SHADOWS;
	}
	if (changed & ~HOTTEST)
		vmcs02_write_warm(c, changed);
	if (v->perf_global_ctrl != c->perf02)
		vmcs02_write_perf(v, c);
	if (c->loads_again)
		vmcs02_load_again(m);
	if (c->vpid_moves != v->nested->vpid_moves)
		vmcs02_write_vpid(v, c);
	v->primary_base = c->primary_base;
	primary_apply(v);
	if (changed & HOT(GUEST_RIP))
		vmcs_write(GUEST_RIP, m->GUEST_RIP);
	if (changed & HOT(GUEST_RSP))
		vmcs_write(GUEST_RSP, m->GUEST_RSP);
	if (changed & HOT(GUEST_RFLAGS))
		vmcs_write(GUEST_RFLAGS, m->GUEST_RFLAGS);
	if (m->ENTRY_INTR_INFO & INTR_VALID)		/* VM exits clear it */
		vmcs_write(ENTRY_INTR_INFO, m->ENTRY_INTR_INFO);
	if (intr_has_more(m->ENTRY_INTR_INFO))
		vmcs02_write_event_details(c);
}

/* What of VMCS02 hangs on where L1's pages are: those that the CPU reads and writes past EPT, and merged bitmaps. */
void vmcs02_write_pages(struct nested_vmcs *c);

/* What c->behind is after an exit, by m's controls. */
u32 vmcs02_behind_after(const struct vmcs12 *m);

/* L2's CR0 after an exit: what VMCS02 has, but for CD and NW. */
static inline uptr vmcs02_guest_cr0(const struct nested_vmcs *c) { return vmcs_read_natural(GUEST_CR0) | c->cd_nw; }

/* Fetches the groups of @groups into c->m. */
void vmcs02_fetch(struct nested_vmcs *c, u32 groups);

#endif
