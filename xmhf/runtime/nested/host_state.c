/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading host state (SDM 28.5): control registers, MSRs, segments, everything that a VM exit sets. */
#include "guest/memory.h"
#include "guest/state.h"
#include "machine/cpu_insn.h"
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

void l2_state_read(const struct nested_vmcs *c, struct l2_state *l2)
{
	const struct vmcs12 *m = c->m;

	l2->cd_nw = c->cd_nw;
	if (!(m->EXIT_CTRLS & EXIT_LOAD_PAT))
		l2->pat = vmcs_read(GUEST_PAT);
	if (!(m->EXIT_CTRLS & EXIT_LOAD_EFER))
		l2->efer = vmcs_read(GUEST_EFER);
	if (!(m->EXIT_CTRLS & EXIT_LOAD_PERF) && vmx_caps.entry & ENTRY_LOAD_PERF)
		l2->perf_global_ctrl = vmcs_read(GUEST_PERF_GLOBAL_CTRL);
	if (vmx_caps.entry & ENTRY_LOAD_LBR)
		l2->lbr_ctl = vmcs_read(GUEST_LBR_CTL);
}

void l1_state_keep(const struct nested_vmcs *c, struct l2_state *l2)
{
	l2_state_read(c, l2);
	l2->cd_nw = (uptr)vmcs_read(CR0_SHADOW) & L2_CR0_OURS;
}

static u32 data_rights(u16 selector) { return selector ? AR_DATA : AR_DATA | AR_UNUSABLE; }

static void segments(const struct vmcs12 *m)
{
	bool host_64 = m->EXIT_CTRLS & EXIT_HOST_64;

	state_segment(CS, m->HOST_CS_SELECTOR, 0, NO_LIMIT, host_64 ? AR_CODE64 : AR_CODE32);
	state_segment(SS, m->HOST_SS_SELECTOR, 0, NO_LIMIT, data_rights(m->HOST_SS_SELECTOR));
	state_segment(DS, m->HOST_DS_SELECTOR, 0, NO_LIMIT, data_rights(m->HOST_DS_SELECTOR));
	state_segment(ES, m->HOST_ES_SELECTOR, 0, NO_LIMIT, data_rights(m->HOST_ES_SELECTOR));
	state_segment(FS, m->HOST_FS_SELECTOR, m->HOST_FS_BASE, NO_LIMIT, data_rights(m->HOST_FS_SELECTOR));
	state_segment(GS, m->HOST_GS_SELECTOR, m->HOST_GS_BASE, NO_LIMIT, data_rights(m->HOST_GS_SELECTOR));
	state_segment(TR, m->HOST_TR_SELECTOR, m->HOST_TR_BASE, TSS_LIMIT, AR_BUSY_TSS);
	state_segment(LDTR, 0, 0, 0, AR_UNUSABLE);
	vmcs_write(GUEST_GDTR_BASE, m->HOST_GDTR_BASE);
	vmcs_write(GUEST_GDTR_LIMIT, TABLE_LIMIT);
	vmcs_write(GUEST_IDTR_BASE, m->HOST_IDTR_BASE);
	vmcs_write(GUEST_IDTR_LIMIT, TABLE_LIMIT);
}

/* 28.5.1; CD and NW stay as they are. */
static void control_registers(const struct vmcs12 *m, uptr cd_nw)
{
	bool host_64 = m->EXIT_CTRLS & EXIT_HOST_64;
	uptr cr4_owned = state_cr4_owned();
	uptr cr0 = ((uptr)m->HOST_CR0 & ~(uptr)(CR0_CD | CR0_NW)) | CR0_ET;
	uptr cr4 = (uptr)m->HOST_CR4;

	cr4 = host_64 ? cr4 | CR4_PAE : cr4 & ~(uptr)CR4_PCIDE;
	vmcs_write(GUEST_CR0, cr0);
	vmcs_write(CR0_SHADOW, cr0 | cd_nw);
	vmcs_write(GUEST_CR3, m->HOST_CR3);
	vmcs_write(GUEST_CR4, (cr4 & ~cr4_owned) | (uptr)vmx_caps.cr4_fixed0);
	vmcs_write(CR4_SHADOW, cr4);
}

static void msrs(const struct vmcs12 *m, const struct l2_state *l2)
{
	u32 exit = m->EXIT_CTRLS;
	u64 long_mode = exit & EXIT_HOST_64 ? EFER_LMA | EFER_LME : 0;

	vmcs_write(GUEST_SYSENTER_CS, m->HOST_SYSENTER_CS);
	vmcs_write(GUEST_SYSENTER_ESP, m->HOST_SYSENTER_ESP);
	vmcs_write(GUEST_SYSENTER_EIP, m->HOST_SYSENTER_EIP);
	vmcs_write(GUEST_DEBUGCTL, 0);
	vmcs_write(GUEST_DR7, DR7_AFTER_EXIT);
	vmcs_write(GUEST_PAT, exit & EXIT_LOAD_PAT ? m->HOST_PAT : l2->pat);
	vmcs_write(GUEST_EFER, exit & EXIT_LOAD_EFER ? m->HOST_EFER : (l2->efer & ~(u64)(EFER_LMA | EFER_LME)) | long_mode);
	if (vmx_caps.entry & ENTRY_LOAD_PERF)
		vmcs_write(GUEST_PERF_GLOBAL_CTRL, exit & EXIT_LOAD_PERF ? m->HOST_PERF_GLOBAL_CTRL : l2->perf_global_ctrl);
	if (vmx_caps.entry & ENTRY_LOAD_LBR)
		vmcs_write(GUEST_LBR_CTL, l2->lbr_ctl);
	vmcs_write(ENTRY_CTRLS, vmx_caps.entry | (long_mode ? ENTRY_IA32E : 0));
}

/* 28.5.4: a 32-bit host with PAE. */
static bool pdptes(const struct vmcs12 *m)
{
	u64 pdpte[4];

	if (m->EXIT_CTRLS & EXIT_HOST_64 || !(m->HOST_CR4 & CR4_PAE))
		return true;
	if (!guest_read_pdptes((u32)m->HOST_CR3, pdpte))
		return false;
	for (u32 i = 0; i < 4; i++)
		vmcs_write((enum vmcs_field)(GUEST_PDPTE0 + 2 * i), pdpte[i]);
	return true;
}

bool host_state_load(const struct vmcs12 *m, const struct l2_state *l2)
{
	control_registers(m, l2->cd_nw);
	msrs(m, l2);
	segments(m);
	vmcs_write(GUEST_RIP, m->HOST_RIP);
	vmcs_write(GUEST_RSP, m->HOST_RSP);
	vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED);
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmcs_write(GUEST_PENDING_DBG, 0);
	return pdptes(m);
}
