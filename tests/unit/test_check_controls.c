/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM-entry checks of the control fields, rule by rule.
 * Links: xmhf/runtime/nested/check_controls.c
 * Links: xmhf/runtime/nested/caps.c xmhf/runtime/nested/caps_table.c xmhf/runtime/nested/vmcs12.c
 */
#include "unit.h"

#include "check_rows.h"

#define BEYOND		(1ull << MODEL_WIDTH)
#define LAST_PAGE	(BEYOND - PAGE_SIZE)
#define EVENT(type, vector) (INTR_VALID | (type) << 8 | (vector))
#define GP_WITH_CODE	(EVENT(INTR_HARDWARE, 13) | INTR_ERROR_CODE)
#define SHADOW		ON(PRIMARY_CTRLS, PRIMARY_TPR_SHADOW), SET(VIRTUAL_APIC_ADDR, MODEL_VAPIC)
#define EPT_ON		SECONDARY(SECONDARY_EPT), SET(EPTP, 0x101e)

/* Two rules of an address that a page is at, used under some changes. */
#define PAGE_RULES(name, field, ...) \
	{ LONG_MODE, "27.2.1.1 " name " isn't page aligned", C(__VA_ARGS__), C(SET(field, 0x1800)), \
	  C(SET(field, 0x1000)) }, \
	{ LONG_MODE, "27.2.1.1 " name " is beyond the physical-address width", C(__VA_ARGS__), C(SET(field, BEYOND)), \
	  C(SET(field, LAST_PAGE)) }
#define AREA_RULES(section, name, address, count) \
	{ LONG_MODE, section " " name " area isn't 16-byte aligned", C(SET(count, 1)), C(SET(address, 0x1008)), \
	  C(SET(address, 0x1010)) }, \
	{ LONG_MODE, section " " name " area is beyond the physical-address width", C(SET(count, 1)), \
	  C(SET(address, BEYOND)), \
	  C(SET(address, BEYOND - 16)) }, \
	{ LONG_MODE, section " " name " area ends beyond the physical-address width", C(SET(address, BEYOND - 32)), \
	  C(SET(count, 3)), \
	  C(SET(count, 2)) }, \
	{ LONG_MODE, section " " name " area is beyond the physical-address width", C(SET(address, BEYOND)), \
	  C(SET(count, 1)), C(SET(count, 0)) }

static const struct row rows[] = {
	{ LONG_MODE, "27.2.1.1 pin-based controls have a reserved bit wrong", NOTHING, C(OFF(PIN_CTRLS, BIT(1))),
	  NOTHING },
	{ LONG_MODE, "27.2.1.1 pin-based controls have a reserved bit wrong", NOTHING, C(ON(PIN_CTRLS, BIT(8))),
	  C(ON(PIN_CTRLS, BIT(0))) },
	{ LONG_MODE, "27.2.1.1 primary controls have a reserved bit wrong", NOTHING,
	  C(ON(PRIMARY_CTRLS, PRIMARY_TERTIARY)),
	  C(ON(PRIMARY_CTRLS, PRIMARY_CR3_STORE)) },
	{ LONG_MODE, "27.2.1.1 primary controls have a reserved bit wrong", NOTHING, C(OFF(PRIMARY_CTRLS, BIT(1))),
	  NOTHING },
	{ LONG_MODE, "27.2.1.1 secondary controls have a reserved bit wrong", C(SECONDARY(SECONDARY_ENCLS)), NOTHING,
	  C(OFF(PRIMARY_CTRLS, PRIMARY_SECONDARY)) },
	{ LONG_MODE, "27.2.1.1 CR3-target count is too large", NOTHING, C(SET(CR3_TARGET_COUNT, 5)),
	  C(SET(CR3_TARGET_COUNT, 4)) },
	PAGE_RULES("I/O-bitmap A", IO_BITMAP_A, ON(PRIMARY_CTRLS, PRIMARY_IO_BITMAPS)),
	PAGE_RULES("I/O-bitmap B", IO_BITMAP_B, ON(PRIMARY_CTRLS, PRIMARY_IO_BITMAPS)),
	PAGE_RULES("MSR bitmap", MSR_BITMAP, ON(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS)),
	{ LONG_MODE, "27.2.1.1 MSR bitmap is beyond the physical-address width",
	  C(ON(CAP_MSR(CAP_BASIC), BASIC_32BIT_ADDRESSES), ON(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS)),
	  C(SET(MSR_BITMAP, 1ull << 32)),
	  C(SET(MSR_BITMAP, 0xfffff000)) },
	PAGE_RULES("virtual-APIC page", VIRTUAL_APIC_ADDR, ON(PRIMARY_CTRLS, PRIMARY_TPR_SHADOW)),
	{ LONG_MODE, "27.2.1.1 TPR threshold has one of bits 31:4 set", C(SHADOW, SECONDARY(SECONDARY_APIC_ACCESS)),
	  C(SET(TPR_THRESHOLD, 16)), C(SET(TPR_THRESHOLD, 15)) },
	{ LONG_MODE, "27.2.1.1 TPR threshold has one of bits 31:4 set",
	  C(SHADOW, SET(TPR_THRESHOLD, 16), ON(PIN_CTRLS, PIN_EXTINT)), NOTHING,
	  C(SECONDARY(SECONDARY_VIRTUAL_INTR)) },
	{ LONG_MODE, "27.2.1.1 TPR threshold is above VTPR", C(SHADOW, SET(TPR_THRESHOLD, 5)), C(SET(VTPR, 0x4f)),
	  C(SET(VTPR, 0x50)) },
	{ LONG_MODE, "27.2.1.1 TPR threshold is above VTPR", C(SHADOW, SET(TPR_THRESHOLD, 5)), NOTHING,
	  C(SECONDARY(SECONDARY_APIC_ACCESS)) },
	{ LONG_MODE, "27.2.1.1 virtual NMIs without NMI exiting", C(ON(PIN_CTRLS, PIN_VIRTUAL_NMIS)), NOTHING,
	  C(ON(PIN_CTRLS, PIN_NMI)) },
	{ LONG_MODE, "27.2.1.1 NMI-window exiting without virtual NMIs",
	  C(ON(PRIMARY_CTRLS, PRIMARY_NMI_WINDOW), ON(PIN_CTRLS, PIN_NMI)),
	  NOTHING, C(ON(PIN_CTRLS, PIN_VIRTUAL_NMIS)) },
	PAGE_RULES("APIC-access page", APIC_ACCESS_ADDR, SECONDARY(SECONDARY_APIC_ACCESS)),
	{ LONG_MODE, "27.2.1.1 virtualized x2APIC mode without TPR shadow", C(SECONDARY(SECONDARY_X2APIC)), NOTHING,
	  C(SHADOW) },
	{ LONG_MODE, "27.2.1.1 APIC-register virtualization without TPR shadow", C(SECONDARY(SECONDARY_APIC_REGS)),
	  NOTHING, C(SHADOW) },
	{ LONG_MODE, "27.2.1.1 virtual-interrupt delivery without TPR shadow",
	  C(SECONDARY(SECONDARY_VIRTUAL_INTR), ON(PIN_CTRLS, PIN_EXTINT)),
	  NOTHING, C(SHADOW) },
	{ LONG_MODE, "27.2.1.1 virtualized x2APIC mode with virtualized APIC accesses",
	  C(SHADOW, SECONDARY(SECONDARY_X2APIC)),
	  C(SECONDARY(SECONDARY_APIC_ACCESS)), C(SECONDARY(SECONDARY_APIC_REGS)) },
	{ LONG_MODE, "27.2.1.1 virtual-interrupt delivery without external-interrupt exiting",
	  C(SHADOW, SECONDARY(SECONDARY_VIRTUAL_INTR)),
	  NOTHING, C(ON(PIN_CTRLS, PIN_EXTINT)) },
	{ LONG_MODE, "27.2.1.1 posted interrupts without virtual-interrupt delivery",
	  C(SHADOW, ON(PIN_CTRLS, PIN_POSTED_INTR | PIN_EXTINT), ON(EXIT_CTRLS, EXIT_ACK_INTR)), NOTHING,
	  C(SECONDARY(SECONDARY_VIRTUAL_INTR)) },
#define POSTED	SHADOW, ON(PIN_CTRLS, PIN_POSTED_INTR | PIN_EXTINT), SECONDARY(SECONDARY_VIRTUAL_INTR)
	{ LONG_MODE, "27.2.1.1 posted interrupts without acknowledge interrupt on exit", C(POSTED), NOTHING,
	  C(ON(EXIT_CTRLS, EXIT_ACK_INTR)) },
	{ LONG_MODE, "27.2.1.1 posted-interrupt notification vector is above 255",
	  C(POSTED, ON(EXIT_CTRLS, EXIT_ACK_INTR)),
	  C(SET(POSTED_INTR_NV, 256)), C(SET(POSTED_INTR_NV, 255)) },
	{ LONG_MODE, "27.2.1.1 posted-interrupt descriptor isn't 64-byte aligned",
	  C(POSTED, ON(EXIT_CTRLS, EXIT_ACK_INTR)),
	  C(SET(POSTED_INTR_DESC, 0x1020)), C(SET(POSTED_INTR_DESC, 0x1040)) },
	{ LONG_MODE, "27.2.1.1 posted-interrupt descriptor is beyond the physical-address width",
	  C(POSTED, ON(EXIT_CTRLS, EXIT_ACK_INTR)),
	  C(SET(POSTED_INTR_DESC, BEYOND)), C(SET(POSTED_INTR_DESC, BEYOND - 64)) },
	{ LONG_MODE, "27.2.1.1 VPID is 0", C(SECONDARY(SECONDARY_VPID)), NOTHING, C(SET(VPID, 1)) },
	{ LONG_MODE, "27.2.1.1 EPTP has an invalid memory type", C(EPT_ON), C(SET(EPTP, 0x101c)),
	  C(SET(EPTP, 0x1018)) },
	{ LONG_MODE, "27.2.1.1 EPTP has an invalid memory type", C(EPT_ON), C(OFF(CAP_MSR(CAP_EPT_VPID), BIT64(14))),
	  C(SET(EPTP, 0x101e)) },
	{ LONG_MODE, "27.2.1.1 EPTP has an invalid memory type", C(EPT_ON, OFF(CAP_MSR(CAP_EPT_VPID), BIT64(8))),
	  C(SET(EPTP, 0x1018)), NOTHING },
	{ LONG_MODE, "27.2.1.1 EPTP has an invalid page-walk length", C(EPT_ON), C(SET(EPTP, 0x1026)), NOTHING },
	{ LONG_MODE, "27.2.1.1 EPTP enables accessed and dirty flags, which the CPU lacks", C(EPT_ON, ON(EPTP, BIT(6))),
	  C(OFF(CAP_MSR(CAP_EPT_VPID), BIT64(21))), NOTHING },
	{ LONG_MODE, "27.2.1.1 EPTP has one of bits 11:7 set", C(EPT_ON), C(ON(EPTP, BIT(7))), C(ON(EPTP, BIT(12))) },
	{ LONG_MODE, "27.2.1.1 EPTP is beyond the physical-address width", C(EPT_ON), C(ON(EPTP, BEYOND)),
	  C(ON(EPTP, LAST_PAGE)) },
	{ LONG_MODE, "27.2.1.1 PML without EPT", C(SECONDARY(SECONDARY_PML)), NOTHING, C(EPT_ON) },
	PAGE_RULES("PML address", PML_ADDR, EPT_ON, SECONDARY(SECONDARY_PML)),
	{ LONG_MODE, "27.2.1.1 unrestricted guest without EPT", C(SECONDARY(SECONDARY_UNRESTRICTED)), NOTHING,
	  C(EPT_ON) },
	{ LONG_MODE, "27.2.1.1 VM-function controls have a reserved bit set", C(EPT_ON, SECONDARY(SECONDARY_VMFUNC)),
	  C(SET(VMFUNC_CTRLS, 2)),
	  C(SET(VMFUNC_CTRLS, 1)) },
	{ LONG_MODE, "27.2.1.1 VM-function controls have a reserved bit set", C(SET(VMFUNC_CTRLS, 2)),
	  C(SECONDARY(SECONDARY_VMFUNC)), NOTHING },
	{ LONG_MODE, "27.2.1.1 EPTP switching without EPT", C(SECONDARY(SECONDARY_VMFUNC), SET(VMFUNC_CTRLS, 1)),
	  NOTHING, C(EPT_ON) },
	PAGE_RULES("EPTP list", EPTP_LIST_ADDR, EPT_ON, SECONDARY(SECONDARY_VMFUNC), SET(VMFUNC_CTRLS, 1)),
	PAGE_RULES("VMREAD bitmap", VMREAD_BITMAP, SECONDARY(SECONDARY_VMCS_SHADOWING)),
	PAGE_RULES("VMWRITE bitmap", VMWRITE_BITMAP, SECONDARY(SECONDARY_VMCS_SHADOWING)),
	PAGE_RULES("#VE information", VE_INFO_ADDR, SECONDARY(SECONDARY_EPT_VE)),
	{ LONG_MODE, "27.2.1.1 TSC multiplier is 0", C(SECONDARY(SECONDARY_TSC_SCALING)), NOTHING,
	  C(SET(TSC_MULTIPLIER, 1)) },

	{ LONG_MODE, "27.2.1.2 VM-exit controls have a reserved bit wrong", NOTHING, C(ON(EXIT_CTRLS, EXIT_LOAD_CET)),
	  C(ON(EXIT_CTRLS, EXIT_SAVE_DEBUG)) },
	{ LONG_MODE, "27.2.1.2 saving the VMX-preemption timer without activating it",
	  C(ON(EXIT_CTRLS, EXIT_SAVE_TIMER)), NOTHING,
	  C(ON(PIN_CTRLS, PIN_PREEMPTION_TIMER)) },
	AREA_RULES("27.2.1.2", "VM-exit MSR-store", EXIT_MSR_STORE_ADDR, EXIT_MSR_STORE_COUNT),
	AREA_RULES("27.2.1.2", "VM-exit MSR-load", EXIT_MSR_LOAD_ADDR, EXIT_MSR_LOAD_COUNT),

	{ LONG_MODE, "27.2.1.3 VM-entry controls have a reserved bit wrong", NOTHING, C(ON(ENTRY_CTRLS, ENTRY_TO_SMM)),
	  C(ON(ENTRY_CTRLS, ENTRY_LOAD_DEBUG)) },
	{ LONG_MODE, "27.2.1.3 event type is reserved", NOTHING, C(SET(ENTRY_INTR_INFO, EVENT(1, 32))),
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_EXTINT, 32))) },
	{ LONG_MODE, "27.2.1.3 event type is reserved", NOTHING, C(SET(ENTRY_INTR_INFO, EVENT(1, 32))),
	  C(SET(ENTRY_INTR_INFO, 1 << 8)) },
	{ LONG_MODE, "27.2.1.3 event type is reserved", C(SET(ENTRY_INTR_INFO, EVENT(INTR_OTHER, 0))),
	  C(OFF(CAP_MSR(CAP_PRIMARY), (u64)PRIMARY_MTF << 32)), NOTHING },
	{ LONG_MODE, "27.2.1.3 NMI with another vector than 2", NOTHING, C(SET(ENTRY_INTR_INFO, EVENT(INTR_NMI, 3))),
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_NMI, 2))) },
	{ LONG_MODE, "27.2.1.3 hardware exception with a vector above 31", NOTHING,
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_HARDWARE, 32))),
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_HARDWARE, 31))) },
	{ LONG_MODE, "27.2.1.3 other event with a vector other than 0", NOTHING,
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_OTHER, 1))),
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_OTHER, 0))) },
	{ LONG_MODE, "27.2.1.3 error code for an event that isn't a hardware exception", C(SET(ENTRY_INSTR_LEN, 1)),
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_SOFT_EXCEPTION, 13) | INTR_ERROR_CODE)),
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_SOFT_EXCEPTION, 13))) },
	{ REAL_MODE, "27.2.1.3 error code for an exception in real mode", NOTHING,
	  C(SET(ENTRY_INTR_INFO, GP_WITH_CODE)),
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_HARDWARE, 13))) },
	{ LONG_MODE, "27.2.1.3 error code for an exception that has none",
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_HARDWARE, 6) | INTR_ERROR_CODE)),
	  NOTHING, C(ON(CAP_MSR(CAP_BASIC), BASIC_ANY_ERROR_CODE)) },
	{ LONG_MODE, "27.2.1.3 error code for an exception that has none",
	  C(ON(ENTRY_INTR_INFO, EVENT(INTR_HARDWARE, 21) | INTR_ERROR_CODE)),
	  NOTHING, C(OFF(ENTRY_INTR_INFO, INTR_ERROR_CODE)) },
	{ LONG_MODE, "27.2.1.3 no error code for an exception that has one", NOTHING,
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_HARDWARE, 13))),
	  C(SET(ENTRY_INTR_INFO, GP_WITH_CODE)) },
	{ LONG_MODE, "27.2.1.3 no error code for an exception that has one",
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_HARDWARE, 17))), NOTHING,
	  C(ON(CAP_MSR(CAP_BASIC), BASIC_ANY_ERROR_CODE)) },
	{ LONG_MODE, "27.2.1.3 event has one of bits 30:12 set", C(SET(ENTRY_INTR_INFO, GP_WITH_CODE)),
	  C(ON(ENTRY_INTR_INFO, BIT(12))), NOTHING },
	{ LONG_MODE, "27.2.1.3 event has one of bits 30:12 set", C(SET(ENTRY_INTR_INFO, GP_WITH_CODE)),
	  C(ON(ENTRY_INTR_INFO, BIT(30))), NOTHING },
	{ LONG_MODE, "27.2.1.3 error code has one of bits 31:16 set", C(SET(ENTRY_INTR_INFO, GP_WITH_CODE)),
	  C(SET(ENTRY_ERROR_CODE, 0x10000)),
	  C(SET(ENTRY_ERROR_CODE, 0xffff)) },
	{ LONG_MODE, "27.2.1.3 instruction length of a software event is above 15",
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_SOFTWARE, 0x80))),
	  C(SET(ENTRY_INSTR_LEN, 16)), C(SET(ENTRY_INSTR_LEN, 15)) },
	{ LONG_MODE, "27.2.1.3 instruction length of a software event is 0",
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_PRIVILEGED, 1))),
	  C(OFF(CAP_MSR(CAP_MISC), MISC_ZERO_LENGTH)), NOTHING },
	{ LONG_MODE, "27.2.1.3 instruction length of a software event is 0",
	  C(SET(ENTRY_INTR_INFO, EVENT(INTR_SOFT_EXCEPTION, 3)), OFF(CAP_MSR(CAP_MISC), MISC_ZERO_LENGTH)), NOTHING,
	  C(SET(ENTRY_INSTR_LEN, 1)) },
	AREA_RULES("27.2.1.3", "VM-entry MSR-load", ENTRY_MSR_LOAD_ADDR, ENTRY_MSR_LOAD_COUNT),
};

static const char *check(const struct model *m) { return check_controls(&m->vmcs, &m->caps, &m->facts); }

PROMISE(each_rule_fails_by_its_row_and_its_neighbour_passes) { run_rows(rows, ARRAY_SIZE(rows), check); }
PROMISE(no_rule_of_the_controls_is_without_a_row) { each_rule_has_a_row("", rows, ARRAY_SIZE(rows)); }

PROMISE(a_valid_vmcs12_of_each_kind_passes)
{
	for (u32 kind = 0; kind < MODEL_KINDS; kind++) {
		struct model m;

		model_start(&m, (enum model_kind)kind);
		assert_null(check(&m));
	}
}

PROMISE(what_a_control_does_not_use_may_be_anything)
{
	static struct model m;

	model_start(&m, LONG_MODE);
	m.vmcs.IO_BITMAP_A = m.vmcs.MSR_BITMAP = m.vmcs.EPTP = m.vmcs.PML_ADDR = m.vmcs.APIC_ACCESS_ADDR = ~0ull;
	m.vmcs.TPR_THRESHOLD = m.vmcs.VPID = 0;
	m.vmcs.EXIT_MSR_LOAD_ADDR = m.vmcs.ENTRY_MSR_LOAD_ADDR = ~0ull;
	m.vmcs.ENTRY_INTR_INFO = 0x7fffffff;
	assert_null(check(&m));
}

RUN(T(each_rule_fails_by_its_row_and_its_neighbour_passes), T(no_rule_of_the_controls_is_without_a_row),
    T(a_valid_vmcs12_of_each_kind_passes), T(what_a_control_does_not_use_may_be_anything))
