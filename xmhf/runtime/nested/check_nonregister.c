/* SPDX-License-Identifier: BSD-2-Clause */
/* VM-entry checks of the guest's state that isn't in registers: SDM 27.3.1.5. */
#include "machine/cpu_insn.h"
#include "nested/checks.h"

#define NO_LINK			(~0ull)
#define SS_DPL(m)		((m)->GUEST_SS_AR >> 5 & 3)
#define BLOCKING_ENCLAVE	BIT(4)		/* enclave interruption */
#define PENDING_DBG_VALID	0x500full	/* B3:B0, enabled breakpoint, BS */
#define PENDING_DBG_ENABLED	BIT64(12)
#define PENDING_DBG_BUS_LOCK	BIT64(11)
#define PENDING_DBG_RTM		BIT64(16)

static bool injects(const struct vmcs12 *m, enum intr_type type)
{
	return m->ENTRY_INTR_INFO & INTR_VALID && INTR_TYPE(m->ENTRY_INTR_INFO) == type;
}

static bool injects_exception(const struct vmcs12 *m, enum vector vector)
{
	return injects(m, INTR_HARDWARE) && INTR_VECTOR(m->ENTRY_INTR_INFO) == vector;
}

static bool activity_supported(u32 activity, u64 misc)
{
	static const u64 needs[] = {
		[ACTIVITY_ACTIVE] = 0, [ACTIVITY_HLT] = MISC_HLT, [ACTIVITY_SHUTDOWN] = MISC_SHUTDOWN,
		[ACTIVITY_WAIT_FOR_SIPI] = MISC_WAIT_FOR_SIPI,
	};

	return activity < ARRAY_SIZE(needs) && (misc & needs[activity]) == needs[activity];
}

/* May the event that is injected wake this state? */
static bool event_fits(const struct vmcs12 *m)
{
	switch (m->GUEST_ACTIVITY_STATE) {
	case ACTIVITY_HLT:
		return injects(m, INTR_EXTINT) || injects(m, INTR_NMI) || injects_exception(m, DB_TRAP) ||
		       injects_exception(m, MC_ABORT) || injects(m, INTR_OTHER);
	case ACTIVITY_SHUTDOWN:
		return injects(m, INTR_NMI) || injects_exception(m, MC_ABORT);
	case ACTIVITY_WAIT_FOR_SIPI:
		return false;
	default:
		return true;
	}
}

const char *check_guest_activity(const struct vmcs12 *m, const struct vmx_caps_offered *caps)
{
	u32 activity = m->GUEST_ACTIVITY_STATE;
	bool blocked = m->GUEST_INTERRUPTIBILITY & (BLOCKING_STI | BLOCKING_MOV_SS);

	REQUIRE(activity_supported(activity, caps->msr[CAP_MISC]), "27.3.1.5 activity state isn't supported");
	REQUIRE(IMPLIES(activity == ACTIVITY_HLT, SS_DPL(m) == 0), "27.3.1.5 HLT state with SS.DPL other than 0");
	REQUIRE(IMPLIES(blocked, activity == ACTIVITY_ACTIVE),
		"27.3.1.5 blocking by STI or MOV SS in a state that isn't active");
	REQUIRE(IMPLIES(m->ENTRY_INTR_INFO & INTR_VALID, event_fits(m)),
		"27.3.1.5 event doesn't suit the activity state");
	return NULL;
}

#define FAIL_AS(qualification, condition, text) do { \
	if (!(condition)) \
		return (struct guest_check){ RULE(text), qualification }; \
} while (0)
#define FAIL_UNLESS(condition, text) FAIL_AS(ENTRY_FAILURE_OTHER, condition, text)

struct guest_check check_guest_interruptibility(const struct vmcs12 *m, const struct entry_facts *f)
{
	u32 state = m->GUEST_INTERRUPTIBILITY;
	u32 valid = BLOCKING_STI | BLOCKING_MOV_SS | BLOCKING_SMI | BLOCKING_NMI | BLOCKING_ENCLAVE;
	bool sti = state & BLOCKING_STI, mov_ss = state & BLOCKING_MOV_SS;

	FAIL_UNLESS(!(state & ~valid), "27.3.1.5 interruptibility has one of bits 31:5 set");
	FAIL_UNLESS(!(sti && mov_ss), "27.3.1.5 blocking by STI and by MOV SS");
	FAIL_UNLESS(IMPLIES(sti, m->GUEST_RFLAGS & RFLAGS_IF), "27.3.1.5 blocking by STI without RFLAGS.IF");
	FAIL_UNLESS(IMPLIES(injects(m, INTR_EXTINT), !sti && !mov_ss),
		"27.3.1.5 external interrupt injected while STI or MOV SS blocks it");
	FAIL_UNLESS(IMPLIES(injects(m, INTR_NMI), !mov_ss), "27.3.1.5 NMI injected while MOV SS blocks it");
	FAIL_UNLESS(!(state & BLOCKING_SMI), "27.3.1.5 blocking by SMI outside SMM");
	FAIL_AS(ENTRY_FAILURE_NMI, IMPLIES(injects(m, INTR_NMI) && f->sti_refuses_nmi, !sti),
		"27.3.1.5 NMI injected while STI blocks it");
	FAIL_UNLESS(IMPLIES(injects(m, INTR_NMI) && m->PIN_CTRLS & PIN_VIRTUAL_NMIS, !(state & BLOCKING_NMI)),
		    "27.3.1.5 virtual NMI injected while NMIs are blocked");
	FAIL_UNLESS(IMPLIES(state & BLOCKING_ENCLAVE, f->has_sgx), "27.3.1.5 enclave interruption without SGX");
	FAIL_UNLESS(IMPLIES(state & BLOCKING_ENCLAVE, !mov_ss),
		"27.3.1.5 enclave interruption with blocking by MOV SS");
	return (struct guest_check){ NULL, ENTRY_FAILURE_OTHER };
}

const char *check_guest_pending_debug(const struct vmcs12 *m, const struct entry_facts *f)
{
	u64 pending = m->GUEST_PENDING_DBG, rtm = f->has_rtm ? PENDING_DBG_RTM : 0;
	u64 valid = PENDING_DBG_VALID | rtm | (f->has_bus_lock_trap ? PENDING_DBG_BUS_LOCK : 0);
	bool held = m->GUEST_INTERRUPTIBILITY & (BLOCKING_STI | BLOCKING_MOV_SS) || m->GUEST_ACTIVITY_STATE == ACTIVITY_HLT;
	bool steps = m->GUEST_RFLAGS & RFLAGS_TF && !(m->GUEST_DEBUGCTL & DEBUGCTL_BTF);

	REQUIRE(!(pending & ~valid), "27.3.1.5 pending debug exceptions have a reserved bit set");
	REQUIRE(IMPLIES(held && steps, pending & PENDING_DBG_BS),
		"27.3.1.5 pending debug exceptions lack BS of a single step");
	REQUIRE(IMPLIES(held && !steps, !(pending & PENDING_DBG_BS)),
		"27.3.1.5 pending debug exceptions have BS without a single step");
	REQUIRE(IMPLIES(pending & rtm, (pending & ~rtm) == PENDING_DBG_ENABLED),
		"27.3.1.5 pending debug exceptions mix RTM with others");
	REQUIRE(IMPLIES(pending & rtm, !(m->GUEST_INTERRUPTIBILITY & BLOCKING_MOV_SS)),
		"27.3.1.5 pending debug exceptions have RTM with blocking by MOV SS");
	return NULL;
}

const char *check_guest_link(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f)
{
	bool shadowing = secondary_controls(m) & SECONDARY_VMCS_SHADOWING;
	u64 link = m->VMCS_LINK_POINTER;
	u32 revision;

	if (link == NO_LINK)
		return NULL;
	REQUIRE(!(link & PAGE_MASK), "27.3.1.5 VMCS link pointer isn't page aligned");
	REQUIRE(within(link, vmx_address_bits(caps, f)),
		"27.3.1.5 VMCS link pointer is beyond the physical-address width");
	f->read(f->ctx, (gpa1_t){ link }, &revision, sizeof(revision));
	REQUIRE((revision & ~VMCS12_SHADOW) == VMCS12_REVISION,
		"27.3.1.5 VMCS link pointer leads to another revision id");
	REQUIRE(!(revision & VMCS12_SHADOW) == !shadowing,
		"27.3.1.5 VMCS link pointer leads to a wrong shadow-VMCS indicator");
	REQUIRE(link != f->current_vmcs, "27.3.1.5 VMCS link pointer is the current VMCS");
	return NULL;
}
