/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM-entry checks of the guest's registers and other state, rule by rule, with the qualification; the MSR areas.
 * Links: xmhf/runtime/nested/check_guest.c xmhf/runtime/nested/check_nonregister.c xmhf/runtime/nested/check_msr.c
 * Links: xmhf/runtime/nested/check_segments.c xmhf/lib/walk.c
 * Links: xmhf/runtime/nested/caps.c xmhf/runtime/nested/caps_table.c xmhf/runtime/nested/vmcs12.c
 */
#include "unit.h"

#include "check_rows.h"

#define NOT_CANONICAL	0x0000800000000000ull
#define CANONICAL	0x00007fffffffffffull
#define EVENT(type, vector) SET(ENTRY_INTR_INFO, INTR_VALID | (type) << 8 | (vector))
#define EXTINT		EVENT(INTR_EXTINT, 32)
#define NMI		EVENT(INTR_NMI, 2)
#define UNRESTRICTED	SECONDARY(SECONDARY_EPT | SECONDARY_UNRESTRICTED), SET(EPTP, 0x1e)
#define LOAD(control)	ON(ENTRY_CTRLS, ENTRY_LOAD_##control)
#define BLOCKED(by)	ON(GUEST_INTERRUPTIBILITY, BLOCKING_##by)
#define ENCLAVE		ON(GUEST_INTERRUPTIBILITY, BIT(4))
#define STATE(activity)	SET(GUEST_ACTIVITY_STATE, ACTIVITY_##activity)
#define INTR_ENABLED	ON(GUEST_RFLAGS, BIT(9))
#define PENDING(bits)	SET(GUEST_PENDING_DBG, bits)
#define LINK(address)	SET(VMCS_LINK_POINTER, address)
#define PAE_PDPTES(bits) SET(GUEST_PDPTE0, bits)

static const struct row rows[] = {
	{ LONG_MODE, "27.3.1.1 CR0 has a fixed bit wrong", C(OFF(ENTRY_CTRLS, ENTRY_IA32E), SET(GUEST_CS_AR, 0xc09b)),
	  C(OFF(GUEST_CR0, BIT(31))), C(OFF(GUEST_CR0, BIT(16))) },
	{ REAL_MODE, "27.3.1.1 CR0 has a fixed bit wrong", NOTHING, C(OFF(GUEST_CR0, BIT(5))),
	  C(ON(GUEST_CR0, BIT(0))) },
	{ REAL_MODE, "27.3.1.1 CR0 has a fixed bit wrong", NOTHING, C(OFF(SECONDARY_CTRLS, SECONDARY_UNRESTRICTED)),
	  NOTHING },
	{ LONG_MODE, "27.3.1.1 CR0 has a fixed bit wrong", C(OFF(CAP_MSR(CAP_CR0_FIXED1), BIT(30) | BIT(29) | BIT(18))),
	  C(ON(GUEST_CR0, BIT(18))),
	  C(ON(GUEST_CR0, BIT(30) | BIT(29))) },
	{ REAL_MODE, "27.3.1.1 CR0.PG without CR0.PE", NOTHING, C(ON(GUEST_CR0, BIT(31))),
	  C(ON(GUEST_CR0, BIT(31) | BIT(0))) },
	{ LONG_MODE, "27.3.1.1 CR4 has a fixed bit wrong", NOTHING, C(OFF(GUEST_CR4, BIT(13))), NOTHING },
	{ LONG_MODE, "27.3.1.1 CR4 has a fixed bit wrong", NOTHING, C(ON(GUEST_CR4, BIT64(32))),
	  C(ON(GUEST_CR4, BIT(0))) },
	{ LONG_MODE, "27.3.1.1 CR4.CET without CR0.WP", C(ON(GUEST_CR4, BIT(23))), C(OFF(GUEST_CR0, BIT(16))),
	  NOTHING },
	{ LONG_MODE, "27.3.1.1 IA32_DEBUGCTL has a reserved bit set", C(LOAD(DEBUG)), C(SET(GUEST_DEBUGCTL, BIT(3))),
	  C(SET(GUEST_DEBUGCTL, 0xdfc3)) },
	{ LONG_MODE, "27.3.1.1 IA32_DEBUGCTL has a reserved bit set", C(SET(GUEST_DEBUGCTL, BIT(3))), C(LOAD(DEBUG)),
	  NOTHING },
	{ LONG_MODE, "27.3.1.1 IA-32e mode guest without CR0.PG", C(UNRESTRICTED), C(OFF(GUEST_CR0, BIT(31))),
	  NOTHING },
	{ LONG_MODE, "27.3.1.1 IA-32e mode guest without CR4.PAE", NOTHING, C(OFF(GUEST_CR4, BIT(5))), NOTHING },
	{ LONG_MODE, "27.3.1.1 CR4.PCIDE outside IA-32e mode", C(ON(GUEST_CR4, BIT(17))),
	  C(OFF(ENTRY_CTRLS, ENTRY_IA32E)), NOTHING },
	{ LONG_MODE, "27.3.1.1 CR3 is beyond the physical-address width", NOTHING,
	  C(SET(GUEST_CR3, 1ull << MODEL_WIDTH)),
	  C(SET(GUEST_CR3, (1ull << MODEL_WIDTH) - 1)) },
	{ LONG_MODE, "27.3.1.1 CR3 is beyond the physical-address width", C(SET(HAS_LAM, true)),
	  C(SET(GUEST_CR3, 1ull << 63)), C(SET(GUEST_CR3, 3ull << 61)) },
	{ LONG_MODE, "27.3.1.1 DR7 has one of bits 63:32 set", C(LOAD(DEBUG)), C(ON(GUEST_DR7, 1ull << 32)),
	  C(SET(GUEST_DR7, 0xffffffff)) },
	{ LONG_MODE, "27.3.1.1 DR7 has one of bits 63:32 set", C(ON(GUEST_DR7, 1ull << 63)), C(LOAD(DEBUG)), NOTHING },
	{ LONG_MODE, "27.3.1.1 IA32_SYSENTER_ESP isn't canonical", NOTHING, C(SET(GUEST_SYSENTER_ESP, NOT_CANONICAL)),
	  C(SET(GUEST_SYSENTER_ESP, CANONICAL)) },
	{ LONG_MODE, "27.3.1.1 IA32_SYSENTER_EIP isn't canonical", NOTHING, C(SET(GUEST_SYSENTER_EIP, NOT_CANONICAL)),
	  C(SET(GUEST_SYSENTER_EIP, CANONICAL)) },
	{ LONG_MODE, "27.3.1.1 IA32_PERF_GLOBAL_CTRL has a reserved bit set", C(LOAD(PERF)),
	  C(SET(GUEST_PERF_GLOBAL_CTRL, 0x10)), C(SET(GUEST_PERF_GLOBAL_CTRL, 0xf)) },
	{ LONG_MODE, "27.3.1.1 IA32_PAT has an invalid memory type", C(LOAD(PAT)), C(SET(GUEST_PAT, 0x800)),
	  C(SET(GUEST_PAT, 0x0007040600070406)) },
	{ LONG_MODE, "27.3.1.1 IA32_EFER has a reserved bit set", C(LOAD(EFER), SET(GUEST_EFER, 0x500)),
	  C(ON(GUEST_EFER, BIT(12))), C(ON(GUEST_EFER, BIT(11))) },
	{ LONG_MODE, "27.3.1.1 IA32_EFER.LMA isn't the IA-32e mode guest control", C(LOAD(EFER)),
	  C(SET(GUEST_EFER, 0x100)), C(SET(GUEST_EFER, 0x500)) },
	{ PROTECTED_MODE, "27.3.1.1 IA32_EFER.LMA isn't the IA-32e mode guest control", C(LOAD(EFER)),
	  C(SET(GUEST_EFER, 0x500)), NOTHING },
	{ LONG_MODE, "27.3.1.1 IA32_EFER.LMA isn't LME with paging", C(LOAD(EFER)), C(SET(GUEST_EFER, 0x400)),
	  C(SET(GUEST_EFER, 0x500)) },
	{ REAL_MODE, "27.3.1.1 IA32_EFER.LMA isn't LME with paging", C(LOAD(EFER), SET(GUEST_EFER, 0x100)),
	  C(ON(GUEST_CR0, BIT(31) | BIT(0))), NOTHING },

	{ LONG_MODE, "27.3.1.3 GDTR base isn't canonical", NOTHING, C(SET(GUEST_GDTR_BASE, NOT_CANONICAL)),
	  C(SET(GUEST_GDTR_BASE, CANONICAL)) },
	{ LONG_MODE, "27.3.1.3 IDTR base isn't canonical", NOTHING, C(SET(GUEST_IDTR_BASE, NOT_CANONICAL)),
	  C(SET(GUEST_IDTR_BASE, CANONICAL)) },
	{ LONG_MODE, "27.3.1.3 GDTR limit is above 0xffff", NOTHING, C(SET(GUEST_GDTR_LIMIT, 0x10000)),
	  C(SET(GUEST_GDTR_LIMIT, 0xffff)) },
	{ LONG_MODE, "27.3.1.3 IDTR limit is above 0xffff", NOTHING, C(SET(GUEST_IDTR_LIMIT, 0x80000000)),
	  C(SET(GUEST_IDTR_LIMIT, 0xffff)) },

	{ PROTECTED_MODE, "27.3.1.4 RIP outside 64-bit mode has one of bits 63:32 set", NOTHING,
	  C(SET(GUEST_RIP, 1ull << 32)), C(SET(GUEST_RIP, 0xffffffff)) },
	{ LONG_MODE, "27.3.1.4 RIP outside 64-bit mode has one of bits 63:32 set", C(SET(GUEST_RIP, 1ull << 32)),
	  C(SET(GUEST_CS_AR, 0xc09b)), NOTHING },
	{ LONG_MODE, "27.3.1.4 RIP in 64-bit mode isn't canonical", NOTHING, C(SET(GUEST_RIP, NOT_CANONICAL)),
	  C(SET(GUEST_RIP, CANONICAL)) },
	{ LONG_MODE, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(OFF(GUEST_RFLAGS, BIT(1))), NOTHING },
	{ LONG_MODE, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(ON(GUEST_RFLAGS, BIT(3))),
	  C(ON(GUEST_RFLAGS, 0x3d7fd7)) },
	{ LONG_MODE, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(ON(GUEST_RFLAGS, BIT(15))), NOTHING },
	{ LONG_MODE, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(ON(GUEST_RFLAGS, BIT(22))),
	  C(ON(GUEST_RFLAGS, BIT(21))) },
	{ LONG_MODE, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(ON(GUEST_RFLAGS, 1ull << 63)), NOTHING },
	{ V86_MODE, "27.3.1.4 RFLAGS.VM in IA-32e mode", C(ON(GUEST_CR4, BIT(5))), C(ON(ENTRY_CTRLS, ENTRY_IA32E)),
	  NOTHING },
	{ V86_MODE, "27.3.1.4 RFLAGS.VM without CR0.PE", C(UNRESTRICTED), C(OFF(GUEST_CR0, BIT(31) | BIT(0))),
	  C(OFF(GUEST_CR0, BIT(31))) },
	{ LONG_MODE, "27.3.1.4 external interrupt injected without RFLAGS.IF", C(EXTINT), NOTHING, C(INTR_ENABLED) },

	{ LONG_MODE, "27.3.1.5 activity state isn't supported", NOTHING, C(SET(GUEST_ACTIVITY_STATE, 4)),
	  C(STATE(WAIT_FOR_SIPI)) },
	{ LONG_MODE, "27.3.1.5 activity state isn't supported", C(STATE(HLT)), C(OFF(CAP_MSR(CAP_MISC), MISC_HLT)),
	  NOTHING },
	{ LONG_MODE, "27.3.1.5 activity state isn't supported", C(STATE(SHUTDOWN)),
	  C(OFF(CAP_MSR(CAP_MISC), MISC_SHUTDOWN)), NOTHING },
	{ LONG_MODE, "27.3.1.5 activity state isn't supported", C(STATE(WAIT_FOR_SIPI)),
	  C(OFF(CAP_MSR(CAP_MISC), MISC_WAIT_FOR_SIPI)), NOTHING },
	{ LONG_MODE, "27.3.1.5 HLT state with SS.DPL other than 0",
	  C(SET(GUEST_CS_SELECTOR, 0xb), SET(GUEST_SS_SELECTOR, 3), SET(GUEST_CS_AR, 0xa0fb), SET(GUEST_SS_AR, 0xc0f3)),
	  C(STATE(HLT)), C(STATE(SHUTDOWN)) },
	{ LONG_MODE, "27.3.1.5 blocking by STI or MOV SS in a state that isn't active", C(BLOCKED(STI), INTR_ENABLED),
	  C(STATE(HLT)), NOTHING },
	{ LONG_MODE, "27.3.1.5 blocking by STI or MOV SS in a state that isn't active", C(BLOCKED(MOV_SS)),
	  C(STATE(SHUTDOWN)), NOTHING },
	{ LONG_MODE, "27.3.1.5 event doesn't suit the activity state", C(STATE(HLT)), C(EVENT(INTR_HARDWARE, 6)),
	  C(EVENT(INTR_HARDWARE, 1)) },
	{ LONG_MODE, "27.3.1.5 event doesn't suit the activity state", C(STATE(HLT)), C(EVENT(INTR_SOFTWARE, 0x80)),
	  C(EVENT(INTR_HARDWARE, 18)) },
	{ LONG_MODE, "27.3.1.5 event doesn't suit the activity state", C(STATE(HLT)), C(EVENT(INTR_PRIVILEGED, 1)),
	  C(EVENT(INTR_OTHER, 0)) },
	{ LONG_MODE, "27.3.1.5 event doesn't suit the activity state", C(STATE(HLT)), C(EVENT(INTR_SOFT_EXCEPTION, 3)),
	  C(NMI) },
	{ LONG_MODE, "27.3.1.5 event doesn't suit the activity state", C(INTR_ENABLED, EXTINT), C(STATE(SHUTDOWN)),
	  C(STATE(HLT)) },
	{ LONG_MODE, "27.3.1.5 event doesn't suit the activity state", C(STATE(SHUTDOWN)), C(EVENT(INTR_HARDWARE, 1)),
	  C(EVENT(INTR_HARDWARE, 18)) },
	{ LONG_MODE, "27.3.1.5 event doesn't suit the activity state", C(STATE(SHUTDOWN)), C(EVENT(INTR_OTHER, 0)),
	  C(NMI) },
	{ LONG_MODE, "27.3.1.5 event doesn't suit the activity state", C(STATE(WAIT_FOR_SIPI)), C(NMI), NOTHING },

	{ LONG_MODE, "27.3.1.5 interruptibility has one of bits 31:5 set", NOTHING,
	  C(SET(GUEST_INTERRUPTIBILITY, BIT(5))), C(BLOCKED(NMI)) },
	{ LONG_MODE, "27.3.1.5 interruptibility has one of bits 31:5 set", NOTHING,
	  C(SET(GUEST_INTERRUPTIBILITY, BIT(31))), NOTHING },
	{ LONG_MODE, "27.3.1.5 blocking by STI and by MOV SS", C(INTR_ENABLED, BLOCKED(MOV_SS)), C(BLOCKED(STI)),
	  NOTHING },
	{ LONG_MODE, "27.3.1.5 blocking by STI without RFLAGS.IF", C(BLOCKED(STI)), NOTHING, C(INTR_ENABLED) },
	{ LONG_MODE, "27.3.1.5 external interrupt injected while STI or MOV SS blocks it", C(INTR_ENABLED, EXTINT),
	  C(BLOCKED(STI)), C(BLOCKED(NMI)) },
	{ LONG_MODE, "27.3.1.5 external interrupt injected while STI or MOV SS blocks it",
	  C(INTR_ENABLED, BLOCKED(MOV_SS)), C(EXTINT), NOTHING },
	{ LONG_MODE, "27.3.1.5 NMI injected while MOV SS blocks it", C(BLOCKED(MOV_SS)), C(NMI),
	  C(EVENT(INTR_HARDWARE, 1)) },
	{ LONG_MODE, "27.3.1.5 blocking by SMI outside SMM", NOTHING, C(BLOCKED(SMI)), NOTHING },
	{ LONG_MODE, "27.3.1.5 NMI injected while STI blocks it", C(INTR_ENABLED, BLOCKED(STI), NMI),
	  C(SET(STI_REFUSES_NMI, true)), NOTHING },
	{ LONG_MODE, "27.3.1.5 virtual NMI injected while NMIs are blocked",
	  C(ON(PIN_CTRLS, PIN_NMI), BLOCKED(NMI), NMI), C(ON(PIN_CTRLS, PIN_VIRTUAL_NMIS)), NOTHING },
	{ LONG_MODE, "27.3.1.5 enclave interruption without SGX", C(ENCLAVE), NOTHING, C(SET(HAS_SGX, true)) },
	{ LONG_MODE, "27.3.1.5 enclave interruption with blocking by MOV SS",
	  C(SET(HAS_SGX, true), ENCLAVE, INTR_ENABLED), C(BLOCKED(MOV_SS)), C(BLOCKED(STI)) },

	{ LONG_MODE, "27.3.1.5 pending debug exceptions have a reserved bit set", NOTHING, C(PENDING(BIT(4))),
	  C(PENDING(0x500f)) },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions have a reserved bit set", C(PENDING(BIT(11))), NOTHING,
	  C(SET(HAS_BUS_LOCK_TRAP, true)) },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions have a reserved bit set", NOTHING, C(PENDING(BIT(13))),
	  C(PENDING(BIT(12))) },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions have a reserved bit set", C(PENDING(BIT(16) | BIT(12))),
	  NOTHING, C(SET(HAS_RTM, true)) },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions have a reserved bit set", NOTHING, C(PENDING(1ull << 63)),
	  NOTHING },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions lack BS of a single step",
	  C(ON(GUEST_RFLAGS, BIT(8)), BLOCKED(MOV_SS)), NOTHING, C(PENDING(BIT(14))) },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions lack BS of a single step",
	  C(ON(GUEST_RFLAGS, BIT(8)), STATE(HLT)), NOTHING, C(SET(GUEST_DEBUGCTL, 2)) },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions lack BS of a single step", C(ON(GUEST_RFLAGS, BIT(8) | BIT(9))),
	  C(BLOCKED(STI)), NOTHING },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions have BS without a single step", C(PENDING(BIT(14))),
	  C(STATE(HLT)), C(STATE(SHUTDOWN)) },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions have BS without a single step",
	  C(PENDING(BIT(14)), ON(GUEST_RFLAGS, BIT(8)), BLOCKED(MOV_SS)),
	  C(SET(GUEST_DEBUGCTL, 2)), NOTHING },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions mix RTM with others", C(SET(HAS_RTM, true)),
	  C(PENDING(BIT(16) | BIT(12) | BIT(0))), C(PENDING(BIT(16) | BIT(12))) },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions mix RTM with others", C(SET(HAS_RTM, true)),
	  C(PENDING(BIT(16))), NOTHING },
	{ LONG_MODE, "27.3.1.5 pending debug exceptions have RTM with blocking by MOV SS",
	  C(SET(HAS_RTM, true), PENDING(BIT(16) | BIT(12)), INTR_ENABLED),
	  C(BLOCKED(MOV_SS)), C(BLOCKED(STI)) },

	{ LONG_MODE, "27.3.1.5 VMCS link pointer isn't page aligned", NOTHING, C(LINK(MODEL_LINKED + 8)),
	  C(LINK(MODEL_LINKED)) },
	{ LONG_MODE, "27.3.1.5 VMCS link pointer is beyond the physical-address width", NOTHING,
	  C(LINK(MODEL_LINKED | 1ull << MODEL_WIDTH)), C(LINK(MODEL_LINKED)) },
	{ LONG_MODE, "27.3.1.5 VMCS link pointer leads to another revision id", C(LINK(MODEL_LINKED)),
	  C(SET(REVISION, VMCS12_REVISION + 1)), NOTHING },
	{ LONG_MODE, "27.3.1.5 VMCS link pointer leads to another revision id", NOTHING, C(LINK(0x4000)), NOTHING },
	{ LONG_MODE, "27.3.1.5 VMCS link pointer leads to a wrong shadow-VMCS indicator", C(LINK(MODEL_LINKED)),
	  C(SET(REVISION, VMCS12_REVISION | VMCS12_SHADOW)), NOTHING },
	{ LONG_MODE, "27.3.1.5 VMCS link pointer leads to a wrong shadow-VMCS indicator",
	  C(LINK(MODEL_LINKED), SECONDARY(SECONDARY_VMCS_SHADOWING)), NOTHING,
	  C(SET(REVISION, VMCS12_REVISION | VMCS12_SHADOW)) },
	{ LONG_MODE, "27.3.1.5 VMCS link pointer is the current VMCS", NOTHING, C(LINK(MODEL_VMCS12)),
	  C(LINK(MODEL_LINKED)) },

	{ PAE_MODE, "27.3.1.6 PDPTE field has a reserved bit set", C(SECONDARY(SECONDARY_EPT)), C(SET(GUEST_PDPTE0, 3)),
	  C(SET(GUEST_PDPTE0, 2)) },
	{ PAE_MODE, "27.3.1.6 PDPTE field has a reserved bit set", C(SECONDARY(SECONDARY_EPT)),
	  C(SET(GUEST_PDPTE3, 0x101 | 1ull << MODEL_WIDTH)),
	  C(SET(GUEST_PDPTE3, 0xe19 | 1ull << (MODEL_WIDTH - 1))) },
	{ PAE_MODE, "27.3.1.6 PDPTE field has a reserved bit set", C(SECONDARY(SECONDARY_EPT), SET(GUEST_PDPTE1, 0x21)),
	  NOTHING, C(OFF(GUEST_CR4, BIT(5))) },
	{ PAE_MODE, "27.3.1.6 PDPTE field has a reserved bit set", C(SECONDARY(SECONDARY_EPT), SET(GUEST_PDPTE1, 0x21)),
	  NOTHING, C(ON(ENTRY_CTRLS, ENTRY_IA32E)) },
	{ PAE_MODE, "27.3.1.6 PDPTE field has a reserved bit set", C(UNRESTRICTED, SET(GUEST_PDPTE2, 0x21)), NOTHING,
	  C(OFF(GUEST_CR0, BIT(31))) },
	{ PAE_MODE, "27.3.1.6 PDPTE in memory has a reserved bit set", C(SET(GUEST_PDPTE0, 3)),
	  C(SET(PDPTE + 2, 0x1005)), C(SET(PDPTE + 2, 0x1001)) },
	{ PAE_MODE, "27.3.1.6 PDPTE in memory has a reserved bit set", C(ON(GUEST_CR3, 0x1f)),
	  C(SET(PDPTE, 1ull << 63 | 1)), C(SET(PDPTE, 1ull << 63)) },
};

static enum entry_failure expected_qualification(const char *rule)
{
	if (strncmp(rule, "27.3.1.6", 8) == 0)
		return ENTRY_FAILURE_PDPTE;
	if (strncmp(rule, "27.3.1.5 VMCS link", 18) == 0)
		return ENTRY_FAILURE_LINK;
	return strcmp(rule, "27.3.1.5 NMI injected while STI blocks it") == 0 ? ENTRY_FAILURE_NMI : ENTRY_FAILURE_OTHER;
}

static const char *check(const struct model *m)
{
	struct guest_check result = check_guest(&m->vmcs, &m->caps, &m->facts);

	if (result.rule)
		assert_int_equal(result.qualification, expected_qualification(result.rule));
	return result.rule;
}

PROMISE(each_rule_fails_by_its_row_and_its_neighbour_passes) { run_rows(rows, ARRAY_SIZE(rows), check); }

PROMISE(no_rule_of_the_guest_is_without_a_row)
{
	static const char *const sections[] = { "27.3.1.1", "27.3.1.3", "27.3.1.4", "27.3.1.5", "27.3.1.6" };

	for (u32 i = 0; i < ARRAY_SIZE(sections); i++)
		each_rule_has_a_row(sections[i], rows, ARRAY_SIZE(rows));
}

PROMISE(a_valid_vmcs12_of_each_kind_passes)
{
	for (u32 kind = 0; kind < MODEL_KINDS; kind++) {
		static struct model m;

		model_start(&m, (enum model_kind)kind);
		assert_null(check(&m));
	}
}

static const struct {
	const char *rule;
	struct msr_entry fails, passes;
	const char *(*check)(const struct msr_entry *e);
} msr_rows[] = {
	{ "27.4 MSR to load is IA32_FS_BASE or IA32_GS_BASE", { 0xc0000100, 0, 0 }, { 0xc0000102, 0, 0 },
	  check_msr_load },
	{ "27.4 MSR to load is IA32_FS_BASE or IA32_GS_BASE", { 0xc0000101, 0, 0 }, { 0xc00000ff, 0, 0 },
	  check_msr_load },
	{ "27.4 MSR to load is an x2APIC register", { 0x800, 0, 0 }, { 0x7ff, 0, 0 }, check_msr_load },
	{ "27.4 MSR to load is an x2APIC register", { 0x8ff, 0, 0 }, { 0x900, 0, 0 }, check_msr_load },
	{ "27.4 MSR to load is IA32_SMM_MONITOR_CTL", { 0x9b, 0, 0 }, { 0x9a, 0, 0 }, check_msr_load },
	{ "27.4 MSR to load has one of bits 63:32 of its entry set", { 0x10, 1, 0 }, { 0x10, 0, ~0ull },
	  check_msr_load },
	{ "28.4 MSR to store is an x2APIC register", { 0x8ff, 0, 0 }, { 0xc0000100, 0, 0 }, check_msr_store },
	{ "28.4 MSR to store is IA32_SMBASE", { 0x9e, 0, 0 }, { 0x9b, 0, 0 }, check_msr_store },
	{ "28.4 MSR to store has one of bits 63:32 of its entry set", { 0x10, 1u << 31, 0 }, { 0x10, 0, ~0ull },
	  check_msr_store },
};

PROMISE(an_msr_area_may_not_name_some_msrs)
{
	struct row rows_of_msrs[ARRAY_SIZE(msr_rows)];

	for (u32 i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		assert_string_equal(msr_rows[i].check(&msr_rows[i].fails), msr_rows[i].rule);
		assert_null(msr_rows[i].check(&msr_rows[i].passes));
		rows_of_msrs[i].rule = msr_rows[i].rule;
	}
	each_rule_has_a_row("27.4", rows_of_msrs, ARRAY_SIZE(msr_rows));
	each_rule_has_a_row("28.4", rows_of_msrs, ARRAY_SIZE(msr_rows));
}

RUN(T(each_rule_fails_by_its_row_and_its_neighbour_passes), T(no_rule_of_the_guest_is_without_a_row),
    T(a_valid_vmcs12_of_each_kind_passes), T(an_msr_area_may_not_name_some_msrs))
