/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From L2 back to L1: VMCS01 gets the state that VMCS12's host area gives (SDM 28.5). What it gives always is worked out once
 * after L1 wrote there, for this is done at every exit of L2's.
 */
#ifndef NESTED_HOST_STATE_H
#define NESTED_HOST_STATE_H

#include "nested/vmcs02.h"
#include "vmx/setup.h"

/* What the CPU had as L2 left it and L1 goes on with, unless the exit controls load another. */
struct l2_state {
	u64 pat, efer, lbr_ctl;		/* with LEAVE_MSRS */
	uptr cd_nw;
};

/* LDTR is unusable, the rest of it undefined. */
#define HOST_SEGMENT(set, s, selector, base, limit, rights)					\
	set(GUEST_##s##_SELECTOR, selector) set(GUEST_##s##_BASE, base) set(GUEST_##s##_LIMIT, limit) set(GUEST_##s##_AR, rights)
#define HOST_DATA(set, s, base) HOST_SEGMENT(set, s, m->HOST_##s##_SELECTOR, base, NO_LIMIT, data_rights(m->HOST_##s##_SELECTOR))

/* Each field of VMCS01 that host state sets whatever L2 did, and to what; MSRs aside. */
#define HOST_STATE(set)										\
	set(GUEST_RIP, m->HOST_RIP) set(GUEST_RSP, m->HOST_RSP) set(GUEST_RFLAGS, RFLAGS_FIXED)		\
	set(GUEST_CR0, host_cr0(m)) set(GUEST_CR3, m->HOST_CR3) set(GUEST_CR4, host_cr4_real(m))	\
	set(GUEST_DR7, DR7_AFTER_EXIT)									\
	HOST_SEGMENT(set, CS, m->HOST_CS_SELECTOR, 0, NO_LIMIT, code_rights(m))				\
	HOST_DATA(set, SS, 0) HOST_DATA(set, DS, 0) HOST_DATA(set, ES, 0)				\
	HOST_DATA(set, FS, m->HOST_FS_BASE) HOST_DATA(set, GS, m->HOST_GS_BASE)				\
	HOST_SEGMENT(set, TR, m->HOST_TR_SELECTOR, m->HOST_TR_BASE, TSS_LIMIT, AR_BUSY_TSS)		\
	set(GUEST_LDTR_SELECTOR, 0) set(GUEST_LDTR_AR, AR_UNUSABLE)					\
	set(GUEST_GDTR_BASE, m->HOST_GDTR_BASE) set(GUEST_GDTR_LIMIT, TABLE_LIMIT)			\
	set(GUEST_IDTR_BASE, m->HOST_IDTR_BASE) set(GUEST_IDTR_LIMIT, TABLE_LIMIT)

/* The same worked out. Shadows: without CD and NW, which exits don't change. PDPTEs in memory are read at each exit. */
struct host_state {
#define HOST_MEMBER(field, value) u64 field;
	HOST_STATE(HOST_MEMBER)
#undef HOST_MEMBER
	uptr cr0_shadow, cr4_shadow;
	u32 pdptes_seen;		/* nested_pages_generation() when L1's host CR3 led to memory; 0: it is to be looked at */
	u64 pdptes[4];			/* with LEAVE_PDPTES: those that were loaded last, which are valid */
};

/* After L1 wrote controls or host state; c->each_exit too. */
void host_state_make(struct nested_vmcs *c);

/* What exit controls would have L1 go on with; with VMCS02 current, or VMCS01 where nothing of L2 has been loaded. */
void l2_state_read(const struct vmcs12 *m, struct l2_state *l2);

/*
 * With VMCS01 current, as L1 left it by VMLAUNCH or VMRESUME: active, in the mode that it goes on in, nothing pending, and
 * otherwise what nested->…01 says. False: the PDPTEs of L1 are invalid, a VMX abort.
 */
MUST_CHECK bool host_state_load(struct vcpu *v, const struct nested_vmcs *c, const struct l2_state *l2);

#endif
