/* SPDX-License-Identifier: BSD-2-Clause */
/* VMCS02: what we run L2 with, made of VMCS12 and of what we need ourselves. All with VMCS02 current unless said. */
#ifndef NESTED_VMCS02_H
#define NESTED_VMCS02_H

#include "machine/cpu_insn.h"
#include "nested/hot.h"
#include "vmx/setup.h"

/* What L1 has that goes on in L2 unless VMCS12 says otherwise; read from VMCS01. */
struct l1_state {
	u64 debugctl, dr7, pat, efer, lbr_ctl;
	uptr cd_nw;			/* of L1's CR0 */
};

/* What @m doesn't load; with VMCS01 current. */
void l1_state_read_msrs(const struct vmcs12 *m, struct l1_state *l1);

/* The same, and EFER. */
static inline void l1_state_read(const struct vcpu *v, const struct vmcs12 *m, struct l1_state *l1)
{
	const u32 loads = ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT;

	l1->efer = vmcs_read(GUEST_EFER);
	l1->cd_nw = v->cr0_shadow & (CR0_CD | CR0_NW);
	if ((m->ENTRY_CTRLS & loads) != loads || vmx_caps.entry & ENTRY_LOAD_LBR)
		l1_state_read_msrs(m, l1);
}

/* The fields that are the same in every VMCS02 of @v's; for a region that is current the first time. */
void vmcs02_init(struct vcpu *v, struct nested_vmcs *c);

/* Brings VMCS02 to what VMCS12 says, as far as c->dirty and c->changed tell that it isn't. */
void vmcs02_build(struct vcpu *v, struct nested_vmcs *c, const struct l1_state *l1);

/* What of VMCS02 hangs on where L1's pages are: those that the CPU reads and writes past EPT, and merged bitmaps. */
void vmcs02_write_pages(struct nested_vmcs *c);

/*
 * After an exit of L2: the hot guest fields and exit information into c->m; which of them changed. The others are
 * fetched when L1 asks: c->behind.
 */
u64 vmcs02_save(const struct vcpu *v, struct nested_vmcs *c, const struct l2_exit *exit);

/* What c->behind is after an exit, by m's controls. */
u32 vmcs02_behind_after(const struct vmcs12 *m);

/* Fetches the groups of @groups into c->m. */
void vmcs02_fetch(struct nested_vmcs *c, u32 groups);

/* The bits of L2's CR0 and CR4 that are ours: never set in VMCS02. */
#define L2_CR0_OURS	((uptr)(CR0_CD | CR0_NW))
#define L2_CR4_OURS	((uptr)(CR4_SMXE | (uptr)CR4_FRED))

#endif
