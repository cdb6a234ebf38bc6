/* SPDX-License-Identifier: BSD-2-Clause */
/* What an exit of L2 leaves in VMCS12: hot fields at once, the others when L1 asks for them (SDM 28.3). */
#include "hypapp/hypapp.h"
#include "machine/cpu_insn.h"
#include "nested/exit_info.h"
#include "nested/vmcs02.h"

/* Guest state that exits save only if a control says so; beside the groups in c->behind. */
#define BEHIND_DEBUG	BIT(16)
#define BEHIND_PAT	BIT(17)
#define BEHIND_EFER	BIT(18)
#define BEHIND_PERF	BIT(19)
#define BEHIND_PDPTE	BIT(20)

#define SET(name, is)							\
	do {								\
		__typeof__(m->name) value = (__typeof__(m->name))(is);	\
									\
		if (value != m->name) {					\
			m->name = value;				\
			changed |= HOT(name);				\
		}							\
	} while (0)

#define TAKE(name) SET(name, vmcs_read(name))

static u64 save_event_error(struct vmcs12 *m)
{
	u64 changed = 0;

	TAKE(EXIT_INTR_ERROR_CODE);
	return changed;
}

static u64 save_vectoring_error(struct vmcs12 *m)
{
	u64 changed = 0;

	TAKE(IDT_VECTORING_ERROR_CODE);
	return changed;
}

/* What only some reasons have. */
static u64 save_details(struct vmcs12 *m, u32 info)
{
	u64 changed = 0;

	if (info & INFO_INSTRUCTION)
		TAKE(EXIT_INSTR_INFO);
	if (info & INFO_ADDRESSES) {
		TAKE(GUEST_LINEAR_ADDR);
		if (vmcs12_field(&nested_map, GUEST_PHYSICAL_ADDR))
			TAKE(GUEST_PHYSICAL_ADDR);
	}
	return changed;
}

static u64 save_exit_information(struct nested_vmcs *c, const struct l2_exit *exit)
{
	struct vmcs12 *m = c->m;
	u32 info = exit_info((u16)exit->reason);
	u64 changed = 0;

	SET(EXIT_REASON, exit->reason);
	SET(EXIT_QUALIFICATION, exit->qualification);
	if (exit->reason & EXIT_REASON_ENTRY_FAILED)
		return changed;			/* the others stay (27.8) */
	if (exit->made_up) {
		SET(EXIT_INTR_INFO, exit->intr_info);
		SET(EXIT_INTR_ERROR_CODE, exit->intr_error);
		SET(IDT_VECTORING_INFO, exit->vectoring);
		if (exit->vectoring) {
			SET(IDT_VECTORING_ERROR_CODE, vmcs_read32(ENTRY_ERROR_CODE));
			SET(EXIT_INSTR_LEN, vmcs_read32(ENTRY_INSTR_LEN));
		}
		if (exit->has_addresses) {
			SET(GUEST_PHYSICAL_ADDR, exit->physical);
			SET(GUEST_LINEAR_ADDR, exit->linear);
		}
		return changed;
	}
	SET(EXIT_INTR_INFO, (u16)exit->reason <= EXIT_EXTINT ? vmcs_read(EXIT_INTR_INFO) : 0);
	if (m->EXIT_INTR_INFO & INTR_ERROR_CODE)
		changed |= save_event_error(m);
	TAKE(IDT_VECTORING_INFO);
	if (m->IDT_VECTORING_INFO & INTR_ERROR_CODE)
		changed |= save_vectoring_error(m);
	if (info & INFO_LENGTH || m->IDT_VECTORING_INFO & INTR_VALID)	/* that of a software event */
		TAKE(EXIT_INSTR_LEN);
	if (info & (INFO_INSTRUCTION | INFO_ADDRESSES))
		changed |= save_details(m, info);
	if ((u16)exit->reason == EXIT_IO) {
		m->IO_RCX = vmcs_read(IO_RCX);
		m->IO_RSI = vmcs_read(IO_RSI);
		m->IO_RDI = vmcs_read(IO_RDI);
		m->IO_RIP = vmcs_read(IO_RIP);
	}
	return changed;
}

/* L1's bits of CR0: what VMCS02 has, but for CD and NW. */
static u64 guest_cr0(const struct nested_vmcs *c)
{
	return vmcs_read(GUEST_CR0) | c->cd_nw;
}

static u64 save_guest(struct nested_vmcs *c, u64 rip)
{
	struct vmcs12 *m = c->m;
	u64 changed = 0;

	SET(GUEST_RIP, rip);
	TAKE(GUEST_RSP);
	TAKE(GUEST_RFLAGS);
	SET(GUEST_CR0, guest_cr0(c));
	TAKE(GUEST_CR3);
	TAKE(GUEST_CR4);
	TAKE(GUEST_CS_AR);
	TAKE(GUEST_SS_AR);
	TAKE(GUEST_INTERRUPTIBILITY);
	if (secondary_controls(m) & SECONDARY_VIRTUAL_INTR)
		TAKE(GUEST_INTR_STATUS);
	if (m->EXIT_CTRLS & EXIT_SAVE_TIMER)
		TAKE(PREEMPTION_TIMER);
	SET(ENTRY_INTR_INFO, m->ENTRY_INTR_INFO & ~INTR_VALID);
	return changed;
}

/* L2 may have left or entered IA-32e mode by itself. */
static void save_ia32e(struct vmcs12 *m)
{
	if (secondary_controls(m) & SECONDARY_UNRESTRICTED && nested_caps.msr[CAP_MISC] & MISC_STORES_LMA)
		m->ENTRY_CTRLS = (m->ENTRY_CTRLS & ~(u32)ENTRY_IA32E) | (vmcs_read32(ENTRY_CTRLS) & ENTRY_IA32E);
}

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

u64 vmcs02_save(const struct vcpu *v, struct nested_vmcs *c, const struct l2_exit *exit)
{
	u64 changed = save_exit_information(c, exit);

	if (exit->reason & EXIT_REASON_ENTRY_FAILED)
		return changed;			/* the guest's fields stay as they were (27.8) */
	save_ia32e(c->m);
	c->behind = c->behind_after;
	return changed | save_guest(c, exit->made_up || xmhf_hypapp.nested_exit ? vmcs_read(GUEST_RIP) : v->rip);
}

static void fetch_segments(struct vmcs12 *m)
{
	for (u32 i = 0; i < 8; i++) {
		u32 step = i * SEGMENT_STEP;

		(&m->GUEST_ES_SELECTOR)[i] = (u16)vmcs_read((enum vmcs_field)(GUEST_ES_SELECTOR + step));
		(&m->GUEST_ES_LIMIT)[i] = (u32)vmcs_read((enum vmcs_field)(GUEST_ES_LIMIT + step));
		(&m->GUEST_ES_AR)[i] = (u32)vmcs_read((enum vmcs_field)(GUEST_ES_AR + step));
		(&m->GUEST_ES_BASE)[i] = vmcs_read((enum vmcs_field)(GUEST_ES_BASE + step));
	}
	m->GUEST_GDTR_LIMIT = vmcs_read32(GUEST_GDTR_LIMIT);
	m->GUEST_GDTR_BASE = vmcs_read(GUEST_GDTR_BASE);
	m->GUEST_IDTR_LIMIT = vmcs_read32(GUEST_IDTR_LIMIT);
	m->GUEST_IDTR_BASE = vmcs_read(GUEST_IDTR_BASE);
}

static void fetch_guest(struct vmcs12 *m, u32 behind)
{
	m->GUEST_ACTIVITY_STATE = vmcs_read32(GUEST_ACTIVITY_STATE);
	m->GUEST_PENDING_DBG = vmcs_read(GUEST_PENDING_DBG);
	m->GUEST_SYSENTER_CS = vmcs_read32(GUEST_SYSENTER_CS);
	m->GUEST_SYSENTER_ESP = vmcs_read(GUEST_SYSENTER_ESP);
	m->GUEST_SYSENTER_EIP = vmcs_read(GUEST_SYSENTER_EIP);
	if (behind & BEHIND_DEBUG) {
		m->GUEST_DEBUGCTL = vmcs_read(GUEST_DEBUGCTL);
		m->GUEST_DR7 = vmcs_read(GUEST_DR7);
	}
	if (behind & BEHIND_PAT)
		m->GUEST_PAT = vmcs_read(GUEST_PAT);
	if (behind & BEHIND_EFER)
		m->GUEST_EFER = vmcs_read(GUEST_EFER);
	if (behind & BEHIND_PERF)
		m->GUEST_PERF_GLOBAL_CTRL = vmcs_read(GUEST_PERF_GLOBAL_CTRL);
	if (behind & BEHIND_PDPTE) {
		m->GUEST_PDPTE0 = vmcs_read(GUEST_PDPTE0);
		m->GUEST_PDPTE1 = vmcs_read(GUEST_PDPTE1);
		m->GUEST_PDPTE2 = vmcs_read(GUEST_PDPTE2);
		m->GUEST_PDPTE3 = vmcs_read(GUEST_PDPTE3);
	}
}

void vmcs02_fetch(struct nested_vmcs *c, u32 groups)
{
	if (groups & GROUP_BIT(GROUP_GUEST_SEG))
		fetch_segments(c->m);
	if (groups & GROUP_BIT(GROUP_GUEST)) {
		fetch_guest(c->m, c->behind);
		c->behind &= GROUPS_ALL;
	}
	c->behind &= ~groups;
}
