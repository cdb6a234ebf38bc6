/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest state that an exit of L2 saves (SDM 28.3) beyond the hot fields: it is fetched when L1 asks for it. */
#include "nested/vmcs02.h"

/* Guest state that exits save only if a control says so; beside the groups in c->behind. */
#define BEHIND_DEBUG	BIT(16)
#define BEHIND_PAT	BIT(17)
#define BEHIND_EFER	BIT(18)
#define BEHIND_PERF	BIT(19)
#define BEHIND_PDPTE	BIT(20)

u32 vmcs02_behind_after(const struct vmcs12 *m)
{
	u32 behind = GROUPS_RARE_GUEST;

	behind |= m->EXIT_CTRLS & EXIT_SAVE_DEBUG ? BEHIND_DEBUG : 0;
	behind |= m->EXIT_CTRLS & EXIT_SAVE_PAT ? BEHIND_PAT : 0;
	behind |= m->EXIT_CTRLS & EXIT_SAVE_EFER ? BEHIND_EFER : 0;
	behind |= m->EXIT_CTRLS & EXIT_SAVE_PERF ? BEHIND_PERF : 0;
	behind |= secondary_controls(m) & SECONDARY_EPT ? BEHIND_PDPTE : 0;
	return behind;
}

#define FETCH(m, name) ((m)->name = (__typeof__((m)->name))vmcs_read(name))

static void fetch_segments(struct vmcs12 *m)
{
	for (u32 i = 0; i < 8; i++) {
		u32 step = i * SEGMENT_STEP;

		(&m->GUEST_ES_SELECTOR)[i] = (u16)vmcs_read((enum vmcs_field)(GUEST_ES_SELECTOR + step));
		(&m->GUEST_ES_LIMIT)[i] = (u32)vmcs_read((enum vmcs_field)(GUEST_ES_LIMIT + step));
		(&m->GUEST_ES_AR)[i] = (u32)vmcs_read((enum vmcs_field)(GUEST_ES_AR + step));
		(&m->GUEST_ES_BASE)[i] = (vmcs12_WNAT)vmcs_read((enum vmcs_field)(GUEST_ES_BASE + step));
	}
	FETCH(m, GUEST_GDTR_LIMIT);
	FETCH(m, GUEST_GDTR_BASE);
	FETCH(m, GUEST_IDTR_LIMIT);
	FETCH(m, GUEST_IDTR_BASE);
}

static void fetch_guest(struct nested_vmcs *c, u32 behind)
{
	struct vmcs12 *m = c->m;

	m->GUEST_CR0 = vmcs02_guest_cr0(c);
	FETCH(m, GUEST_CR4);
	FETCH(m, GUEST_ACTIVITY_STATE);
	FETCH(m, GUEST_PENDING_DBG);
	FETCH(m, GUEST_SYSENTER_CS);
	FETCH(m, GUEST_SYSENTER_ESP);
	FETCH(m, GUEST_SYSENTER_EIP);
	if (behind & BEHIND_DEBUG) {
		FETCH(m, GUEST_DEBUGCTL);
		FETCH(m, GUEST_DR7);
	}
	if (behind & BEHIND_PAT)
		FETCH(m, GUEST_PAT);
	if (behind & BEHIND_EFER)
		FETCH(m, GUEST_EFER);
	if (behind & BEHIND_PERF)
		FETCH(m, GUEST_PERF_GLOBAL_CTRL);
	if (behind & BEHIND_PDPTE) {
		FETCH(m, GUEST_PDPTE0);
		FETCH(m, GUEST_PDPTE1);
		FETCH(m, GUEST_PDPTE2);
		FETCH(m, GUEST_PDPTE3);
	}
}

void vmcs02_fetch(struct nested_vmcs *c, u32 groups)
{
	if (groups & GROUP_BIT(GROUP_GUEST_SEG))
		fetch_segments(c->m);
	if (groups & GROUP_BIT(GROUP_GUEST)) {
		fetch_guest(c, c->behind);
		c->behind &= GROUPS_ALL;
	}
	c->behind &= ~groups;
}
