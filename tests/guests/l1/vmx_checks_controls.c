/* SPDX-License-Identifier: BSD-2-Clause */
/* VM-entry checks of the control fields (SDM 27.2.1), rule by rule. */
#include "ept.h"
#include "rows.h"

#define N		L2_NATIVE
#define SHADOW		ON(PRIMARY_CTRLS, PRIMARY_TPR_SHADOW), SET(VIRTUAL_APIC_ADDR, ROW_VAPIC)
#define VTPR(value)	MEMORY(ROW_VAPIC + 0x80, value)
#define EPT		L2_WITH_EPT
#define EVENT_IS(e)	SET(ENTRY_INTR_INFO, e)
#define GP_WITH_CODE	(EVENT(TYPE_HARDWARE, GP_TRAP) | EVENT_CODE)
#define POSTED		SHADOW, ON(PIN_CTRLS, PIN_POSTED | PIN_EXTINT), SECONDARY(SECONDARY_VIRTUAL_INTR)
#define POSTED_ACK	POSTED, ON(EXIT_CTRLS, EXIT_ACK_INTR)

/* The two rules of an address that a page is at. */
#define PAGE_RULES(name, field, with, ...) \
	{ N, with, "27.2.1.1 " name " isn't page aligned", C(__VA_ARGS__), C(SET(field, ROW_PAGE(1) + 0x800)), \
	  C(SET(field, ROW_PAGE(1))) }, \
	{ N, with, "27.2.1.1 " name " isn't page aligned", C(__VA_ARGS__), C(SET(field, ROW_PAGE(1) + 1)), \
	  C(SET(field, ROW_PAGE(2))) }, \
	{ N, with, "27.2.1.1 " name " is beyond the physical-address width", C(__VA_ARGS__), C(BEYOND(field, 0)), \
	  C(BEFORE_END(field, 0x1000)) }, \
	{ N, with, "27.2.1.1 " name " is beyond the physical-address width", C(__VA_ARGS__), \
	  C(SET(field, ROW_PAGE(1) | 1ull << 63)), C(SET(field, ROW_PAGE(1))) }
#define AREA_RULES(section, name, address, count) \
	{ N, 0, section " " name " area isn't 16-byte aligned", C(SET(count, 1)), C(SET(address, ROW_PAGE(3) + 8)), \
	  C(SET(address, ROW_PAGE(3)), SET(count, 0)) }, \
	{ N, 0, section " " name " area is beyond the physical-address width", C(SET(count, 1)), \
	  C(BEYOND(address, 0)), C(SET(count, 0)) }, \
	{ N, 0, section " " name " area ends beyond the physical-address width", C(BEFORE_END(address, 32)), \
	  C(SET(count, 3)), C(SET(count, 0)) }

static const struct row rows[] = {
	{ N, 0, "27.2.1.1 pin-based controls have a reserved bit wrong", NOTHING, C(OFF(PIN_CTRLS, BIT(1))), NOTHING },
	{ N, 0, "27.2.1.1 pin-based controls have a reserved bit wrong", NOTHING, C(OFF(PIN_CTRLS, BIT(2))), NOTHING },
	{ N, 0, "27.2.1.1 pin-based controls have a reserved bit wrong", NOTHING, C(OFF(PIN_CTRLS, BIT(4))), NOTHING },
	{ N, 0, "27.2.1.1 pin-based controls have a reserved bit wrong", NOTHING, C(ON(PIN_CTRLS, BIT(8))),
	  C(ON(PIN_CTRLS, PIN_EXTINT)) },
	{ N, 0, "27.2.1.1 pin-based controls have a reserved bit wrong", NOTHING, C(ON(PIN_CTRLS, BIT(31))),
	  C(ON(PIN_CTRLS, PIN_NMI)) },
	{ N, 0, "27.2.1.1 primary controls have a reserved bit wrong", NOTHING, C(OFF(PRIMARY_CTRLS, BIT(1))), NOTHING },
	{ N, 0, "27.2.1.1 primary controls have a reserved bit wrong", NOTHING, C(OFF(PRIMARY_CTRLS, BIT(26))),
	  C(ON(PRIMARY_CTRLS, PRIMARY_CR3_STORE)) },
	{ N, 0, "27.2.1.1 primary controls have a reserved bit wrong", NOTHING, C(ON(PRIMARY_CTRLS, BIT(0))),
	  C(ON(PRIMARY_CTRLS, PRIMARY_HLT)) },
	{ N, 0, "27.2.1.1 primary controls have a reserved bit wrong", NOTHING, C(ON(PRIMARY_CTRLS, BIT(18))),
	  C(ON(PRIMARY_CTRLS, PRIMARY_CR3_LOAD)) },
	{ N, 0, "27.2.1.1 secondary controls have a reserved bit wrong", C(ON(PRIMARY_CTRLS, PRIMARY_SECONDARY)),
	  C(ON(SECONDARY_CTRLS, SECONDARY_ENCLS)), C(ON(SECONDARY_CTRLS, SECONDARY_RDTSCP)) },
	{ N, 0, "27.2.1.1 secondary controls have a reserved bit wrong", NOTHING,
	  C(SECONDARY(SECONDARY_ENCLS)), C(OFF(PRIMARY_CTRLS, PRIMARY_SECONDARY)) },
	{ N, 0, "27.2.1.1 CR3-target count is too large", NOTHING, C(SET(CR3_TARGET_COUNT, 5)), C(SET(CR3_TARGET_COUNT, 4)) },
	{ N, 0, "27.2.1.1 CR3-target count is too large", NOTHING, C(SET(CR3_TARGET_COUNT, 0x80000000)),
	  C(SET(CR3_TARGET_COUNT, 1)) },
	PAGE_RULES("I/O-bitmap A", IO_BITMAP_A, 0, ON(PRIMARY_CTRLS, PRIMARY_IO_BITMAPS), SET(IO_BITMAP_B, ROW_PAGE(4))),
	PAGE_RULES("I/O-bitmap B", IO_BITMAP_B, 0, ON(PRIMARY_CTRLS, PRIMARY_IO_BITMAPS), SET(IO_BITMAP_A, ROW_PAGE(4))),
	{ N, 0, "27.2.1.1 I/O-bitmap A isn't page aligned", C(SET(IO_BITMAP_A, 1), SET(IO_BITMAP_B, 0)),
	  C(ON(PRIMARY_CTRLS, PRIMARY_IO_BITMAPS)), NOTHING },
	PAGE_RULES("MSR bitmap", MSR_BITMAP, 0, ON(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS)),
	{ N, 0, "27.2.1.1 MSR bitmap isn't page aligned", C(SET(MSR_BITMAP, 1)), C(ON(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS)),
	  NOTHING },
	PAGE_RULES("virtual-APIC page", VIRTUAL_APIC_ADDR, 0, ON(PRIMARY_CTRLS, PRIMARY_TPR_SHADOW)),
	{ N, 0, "27.2.1.1 TPR threshold has one of bits 31:4 set", C(SHADOW, VTPR(0xf0)), C(SET(TPR_THRESHOLD, 16)),
	  C(SET(TPR_THRESHOLD, 15)) },
	{ N, 0, "27.2.1.1 TPR threshold has one of bits 31:4 set", C(SHADOW, VTPR(0xf0)), C(SET(TPR_THRESHOLD, 0x80000001)),
	  C(SET(TPR_THRESHOLD, 1)) },
	{ N, 0, "27.2.1.1 TPR threshold has one of bits 31:4 set",
	  C(SHADOW, SET(TPR_THRESHOLD, 16), ON(PIN_CTRLS, PIN_EXTINT), VTPR(0xf0)), NOTHING, C(SECONDARY(SECONDARY_VIRTUAL_INTR)) },
	{ N, 0, "27.2.1.1 TPR threshold is above VTPR", C(SHADOW, SET(TPR_THRESHOLD, 5)), C(VTPR(0x4f)), C(VTPR(0x50)) },
	{ N, 0, "27.2.1.1 TPR threshold is above VTPR", C(SHADOW, SET(TPR_THRESHOLD, 15)), C(VTPR(0xef)), C(VTPR(0xff)) },
	{ N, EPT, "27.2.1.1 TPR threshold is above VTPR", C(SHADOW, SET(TPR_THRESHOLD, 5)), NOTHING,
	  C(SECONDARY(SECONDARY_APIC_ACCESS), SET(APIC_ACCESS_ADDR, ROW_PAGE(3))) },
	{ N, 0, "27.2.1.1 virtual NMIs without NMI exiting", C(ON(PIN_CTRLS, PIN_VIRTUAL_NMIS)), NOTHING,
	  C(ON(PIN_CTRLS, PIN_NMI)) },
	{ N, 0, "27.2.1.1 NMI-window exiting without virtual NMIs", C(ON(PRIMARY_CTRLS, PRIMARY_NMI_WINDOW), ON(PIN_CTRLS, PIN_NMI)),
	  NOTHING, C(ON(PIN_CTRLS, PIN_VIRTUAL_NMIS)) },
	PAGE_RULES("APIC-access page", APIC_ACCESS_ADDR, EPT, SECONDARY(SECONDARY_APIC_ACCESS)),
	{ N, 0, "27.2.1.1 virtualized x2APIC mode without TPR shadow", C(SECONDARY(SECONDARY_X2APIC)), NOTHING, C(SHADOW) },
	{ N, 0, "27.2.1.1 APIC-register virtualization without TPR shadow", C(SECONDARY(SECONDARY_APIC_REGS)), NOTHING,
	  C(SHADOW) },
	{ N, 0, "27.2.1.1 virtual-interrupt delivery without TPR shadow",
	  C(SECONDARY(SECONDARY_VIRTUAL_INTR), ON(PIN_CTRLS, PIN_EXTINT)), NOTHING, C(SHADOW) },
	{ N, EPT, "27.2.1.1 virtualized x2APIC mode with virtualized APIC accesses",
	  C(SHADOW, SECONDARY(SECONDARY_X2APIC), SET(APIC_ACCESS_ADDR, ROW_PAGE(3))),
	  C(ON(SECONDARY_CTRLS, SECONDARY_APIC_ACCESS)), C(ON(SECONDARY_CTRLS, SECONDARY_APIC_REGS)) },
	{ N, 0, "27.2.1.1 virtual-interrupt delivery without external-interrupt exiting",
	  C(SHADOW, SECONDARY(SECONDARY_VIRTUAL_INTR)), NOTHING, C(ON(PIN_CTRLS, PIN_EXTINT)) },
	{ N, 0, "27.2.1.1 posted interrupts without virtual-interrupt delivery",
	  C(SHADOW, ON(PIN_CTRLS, PIN_POSTED | PIN_EXTINT), ON(EXIT_CTRLS, EXIT_ACK_INTR), SET(POSTED_INTR_DESC, ROW_PAGE(3))),
	  NOTHING, C(SECONDARY(SECONDARY_VIRTUAL_INTR)) },
	{ N, 0, "27.2.1.1 posted interrupts without acknowledge interrupt on exit", C(POSTED, SET(POSTED_INTR_DESC, ROW_PAGE(3))),
	  NOTHING, C(ON(EXIT_CTRLS, EXIT_ACK_INTR)) },
	{ N, 0, "27.2.1.1 posted-interrupt notification vector is above 255", C(POSTED_ACK, SET(POSTED_INTR_DESC, ROW_PAGE(3))),
	  C(SET(POSTED_INTR_NV, 256)), C(SET(POSTED_INTR_NV, 255)) },
	{ N, 0, "27.2.1.1 posted-interrupt descriptor isn't 64-byte aligned", C(POSTED_ACK),
	  C(SET(POSTED_INTR_DESC, ROW_PAGE(3) + 1)), C(SET(POSTED_INTR_DESC, ROW_PAGE(3))) },
	{ N, 0, "27.2.1.1 posted-interrupt descriptor isn't 64-byte aligned", C(POSTED_ACK),
	  C(SET(POSTED_INTR_DESC, ROW_PAGE(3) + 0x20)), C(SET(POSTED_INTR_DESC, ROW_PAGE(3) + 0x40)) },
	{ N, 0, "27.2.1.1 posted-interrupt descriptor is beyond the physical-address width", C(POSTED_ACK),
	  C(BEYOND(POSTED_INTR_DESC, 0)), C(SET(POSTED_INTR_DESC, ROW_PAGE(3))) },
	{ N, 0, "27.2.1.1 VPID is 0", C(SECONDARY(SECONDARY_VPID)), NOTHING, C(SET(VPID, 1)) },
	{ N, 0, "27.2.1.1 VPID is 0", C(SECONDARY(SECONDARY_VPID), SET(VPID, 0xffff)), C(SET(VPID, 0)), NOTHING },
	{ N, EPT, "27.2.1.1 EPTP has an invalid memory type", NOTHING, C(OFF(EPTP, 7), ON(EPTP, 4)), NOTHING },
	{ N, EPT, "27.2.1.1 EPTP has an invalid memory type", NOTHING, C(OFF(EPTP, 7), ON(EPTP, 1)), NOTHING },
	{ N, EPT, "27.2.1.1 EPTP has an invalid memory type", NOTHING, C(ON(EPTP, 7)), C(OFF(EPTP, 7)) },
	{ N, EPT, "27.2.1.1 EPTP has an invalid page-walk length", NOTHING, C(OFF(EPTP, 0x38), ON(EPTP, 0x10)), NOTHING },
	{ N, EPT, "27.2.1.1 EPTP has an invalid page-walk length", NOTHING, C(ON(EPTP, 0x38)), NOTHING },
	{ N, EPT, "27.2.1.1 EPTP has an invalid page-walk length", NOTHING, C(OFF(EPTP, 0x38)), NOTHING },
	{ N, EPT, "27.2.1.1 EPTP enables accessed and dirty flags, which the CPU lacks", NOTHING, C(ON(EPTP, EPTP_AD)), NOTHING },
	{ N, EPT, "27.2.1.1 EPTP has one of bits 11:7 set", NOTHING, C(ON(EPTP, BIT(7))), NOTHING },
	{ N, EPT, "27.2.1.1 EPTP has one of bits 11:7 set", NOTHING, C(ON(EPTP, BIT(11))), NOTHING },
	{ N, EPT, "27.2.1.1 EPTP is beyond the physical-address width", NOTHING, C(BEYOND(EPTP, EPTP_DEFAULT)), NOTHING },
	{ N, EPT, "27.2.1.1 EPTP is beyond the physical-address width", NOTHING, C(ON(EPTP, 1ull << 63)), NOTHING },
	{ N, 0, "27.2.1.1 PML without EPT", C(SECONDARY(SECONDARY_PML), SET(PML_ADDR, ROW_PAGE(3))), NOTHING,
	  C(OFF(SECONDARY_CTRLS, SECONDARY_PML)) },
	{ N, EPT, "27.2.1.1 PML without EPT", C(SECONDARY(SECONDARY_PML), SET(PML_ADDR, ROW_PAGE(3))),
	  C(OFF(SECONDARY_CTRLS, SECONDARY_EPT)), NOTHING },
	PAGE_RULES("PML address", PML_ADDR, EPT, SECONDARY(SECONDARY_PML)),
	{ N, EPT, "27.2.1.1 unrestricted guest without EPT", C(SECONDARY(SECONDARY_UNRESTRICTED)), C(OFF(SECONDARY_CTRLS, SECONDARY_EPT)),
	  NOTHING },
	{ N, EPT, "27.2.1.1 VM-function controls have a reserved bit set", C(SECONDARY(SECONDARY_VMFUNC), SET(EPTP_LIST_ADDR, ROW_PAGE(3))),
	  C(SET(VMFUNC_CTRLS, 2)), C(SET(VMFUNC_CTRLS, 1)) },
	{ N, EPT, "27.2.1.1 VM-function controls have a reserved bit set", C(SECONDARY(SECONDARY_VMFUNC)),
	  C(SET(VMFUNC_CTRLS, 1ull << 63)), C(SET(VMFUNC_CTRLS, 0)) },
	{ N, EPT, "27.2.1.1 EPTP switching without EPT",
	  C(SECONDARY(SECONDARY_VMFUNC), SET(VMFUNC_CTRLS, 1), SET(EPTP_LIST_ADDR, ROW_PAGE(3))),
	  C(OFF(SECONDARY_CTRLS, SECONDARY_EPT)), NOTHING },
	PAGE_RULES("EPTP list", EPTP_LIST_ADDR, EPT, SECONDARY(SECONDARY_VMFUNC), SET(VMFUNC_CTRLS, 1)),
	PAGE_RULES("VMREAD bitmap", VMREAD_BITMAP, 0, SECONDARY(SECONDARY_SHADOWING), SET(VMWRITE_BITMAP, ROW_PAGE(4))),
	PAGE_RULES("VMWRITE bitmap", VMWRITE_BITMAP, 0, SECONDARY(SECONDARY_SHADOWING), SET(VMREAD_BITMAP, ROW_PAGE(4))),
	PAGE_RULES("#VE information", VE_INFO_ADDR, EPT, SECONDARY(SECONDARY_VE)),
	{ N, 0, "27.2.1.1 TSC multiplier is 0", C(SECONDARY(SECONDARY_TSC_SCALING)), C(SET(TSC_MULTIPLIER, 0)),
	  C(SET(TSC_MULTIPLIER, 1ull << 48)) },

	{ N, 0, "27.2.1.2 VM-exit controls have a reserved bit wrong", NOTHING, C(OFF(EXIT_CTRLS, BIT(0))), NOTHING },
	{ N, 0, "27.2.1.2 VM-exit controls have a reserved bit wrong", NOTHING, C(OFF(EXIT_CTRLS, BIT(17))),
	  C(ON(EXIT_CTRLS, EXIT_SAVE_DEBUG)) },
	{ N, 0, "27.2.1.2 VM-exit controls have a reserved bit wrong", NOTHING, C(ON(EXIT_CTRLS, BIT(25))),
	  C(ON(EXIT_CTRLS, EXIT_ACK_INTR)) },
	{ N, 0, "27.2.1.2 saving the VMX-preemption timer without activating it", C(ON(EXIT_CTRLS, EXIT_SAVE_TIMER),
	  SET(PREEMPTION_TIMER, ~0u)), C(OFF(PIN_CTRLS, PIN_TIMER)), NOTHING },
	AREA_RULES("27.2.1.2", "VM-exit MSR-store", EXIT_MSR_STORE_ADDR, EXIT_MSR_STORE_COUNT),
	AREA_RULES("27.2.1.2", "VM-exit MSR-load", EXIT_MSR_LOAD_ADDR, EXIT_MSR_LOAD_COUNT),

	{ N, 0, "27.2.1.3 VM-entry controls have a reserved bit wrong", NOTHING, C(ON(ENTRY_CTRLS, ENTRY_TO_SMM)),
	  C(ON(ENTRY_CTRLS, ENTRY_LOAD_DEBUG)) },
	{ N, 0, "27.2.1.3 VM-entry controls have a reserved bit wrong", NOTHING, C(ON(ENTRY_CTRLS, ENTRY_END_DUAL_MONITOR)),
	  C(ON(ENTRY_CTRLS, ENTRY_LOAD_PAT)) },
	{ N, 0, "27.2.1.3 VM-entry controls have a reserved bit wrong", NOTHING, C(OFF(ENTRY_CTRLS, BIT(0))), NOTHING },
	{ N, 0, "27.2.1.3 event type is reserved", C(ON(GUEST_RFLAGS, EFLAGS_IF)), C(EVENT_IS(EVENT(TYPE_RESERVED, 32))),
	  C(EVENT_IS(EVENT(TYPE_EXTINT, 32))) },
	{ N, 0, "27.2.1.3 event type is reserved", NOTHING, C(EVENT_IS(EVENT(TYPE_RESERVED, 32))), C(EVENT_IS(TYPE_RESERVED << 8)) },
	{ N, 0, "27.2.1.3 event type is reserved", NOTHING, C(EVENT_IS(EVENT(TYPE_OTHER, 0))), NOTHING },
	{ N, 0, "27.2.1.3 NMI with another vector than 2", NOTHING, C(EVENT_IS(EVENT(TYPE_NMI, 3))), C(EVENT_IS(EVENT(TYPE_NMI, 2))) },
	{ N, 0, "27.2.1.3 hardware exception with a vector above 31", NOTHING, C(EVENT_IS(EVENT(TYPE_HARDWARE, 32))),
	  C(EVENT_IS(EVENT(TYPE_HARDWARE, 31))) },
	{ N, 0, "27.2.1.3 hardware exception with a vector above 31", NOTHING, C(EVENT_IS(EVENT(TYPE_HARDWARE, 255))),
	  C(EVENT_IS(EVENT(TYPE_HARDWARE, 6))) },
	{ N, 0, "27.2.1.3 other event with a vector other than 0", NOTHING, C(EVENT_IS(EVENT(TYPE_OTHER, 1))),
	  C(EVENT_IS(EVENT(TYPE_OTHER, 0))) },
	{ N, 0, "27.2.1.3 error code for an event that isn't a hardware exception", C(SET(ENTRY_INSTR_LEN, 1)),
	  C(EVENT_IS(EVENT(TYPE_SOFT_EXCEPTION, 13) | EVENT_CODE)), C(EVENT_IS(EVENT(TYPE_SOFT_EXCEPTION, 13))) },
	{ N, 0, "27.2.1.3 error code for an event that isn't a hardware exception", C(ON(GUEST_RFLAGS, EFLAGS_IF)),
	  C(EVENT_IS(EVENT(TYPE_EXTINT, 33) | EVENT_CODE)), C(EVENT_IS(EVENT(TYPE_EXTINT, 33))) },
	{ N, 0, "27.2.1.3 error code for an event that isn't a hardware exception", NOTHING,
	  C(EVENT_IS(EVENT(TYPE_NMI, 2) | EVENT_CODE)), C(EVENT_IS(EVENT(TYPE_NMI, 2))) },
	{ L2_REAL, 0, "27.2.1.3 error code for an exception in real mode", NOTHING, C(EVENT_IS(GP_WITH_CODE)),
	  C(EVENT_IS(EVENT(TYPE_HARDWARE, 13))) },
#define NO_CODE(vector, name) \
	{ N, 0, "27.2.1.3 error code for an exception that has none", NOTHING, \
	  C(EVENT_IS(EVENT(TYPE_HARDWARE, vector) | EVENT_CODE)), C(EVENT_IS(EVENT(TYPE_HARDWARE, vector))) }
#define HAS_CODE(vector) \
	{ N, 0, "27.2.1.3 no error code for an exception that has one", NOTHING, \
	  C(EVENT_IS(EVENT(TYPE_HARDWARE, vector))), C(EVENT_IS(EVENT(TYPE_HARDWARE, vector) | EVENT_CODE)) }
	NO_CODE(0, "#DE"), NO_CODE(1, "#DB"), NO_CODE(3, "#BP"), NO_CODE(6, "#UD"), NO_CODE(7, "#NM"), NO_CODE(9, ""),
	NO_CODE(16, "#MF"), NO_CODE(18, "#MC"), NO_CODE(19, "#XM"), NO_CODE(20, "#VE"), NO_CODE(21, "#CP"), NO_CODE(31, ""),
	HAS_CODE(8), HAS_CODE(10), HAS_CODE(11), HAS_CODE(12), HAS_CODE(13), HAS_CODE(14), HAS_CODE(17), HAS_CODE(21),
	{ N, 0, "27.2.1.3 event has one of bits 30:12 set", NOTHING, C(EVENT_IS(GP_WITH_CODE | BIT(12))), C(EVENT_IS(GP_WITH_CODE)) },
	{ N, 0, "27.2.1.3 event has one of bits 30:12 set", NOTHING, C(EVENT_IS(GP_WITH_CODE | BIT(30))), C(EVENT_IS(GP_WITH_CODE)) },
	{ N, 0, "27.2.1.3 event has one of bits 30:12 set", NOTHING, C(EVENT_IS(EVENT(TYPE_NMI, 2) | BIT(20))), C(EVENT_IS(BIT(20))) },
	{ N, 0, "27.2.1.3 error code has one of bits 31:16 set", C(EVENT_IS(GP_WITH_CODE)), C(SET(ENTRY_ERROR_CODE, 0x10000)),
	  C(SET(ENTRY_ERROR_CODE, 0xffff)) },
	{ N, 0, "27.2.1.3 error code has one of bits 31:16 set", C(EVENT_IS(GP_WITH_CODE)), C(SET(ENTRY_ERROR_CODE, 0x80000000)),
	  C(SET(ENTRY_ERROR_CODE, 0x7ff8)) },
#define SOFT(type, vector) \
	{ N, 0, "27.2.1.3 instruction length of a software event is above 15", C(EVENT_IS(EVENT(type, vector))), \
	  C(SET(ENTRY_INSTR_LEN, 16)), C(SET(ENTRY_INSTR_LEN, 15)) }, \
	{ N, 0, "27.2.1.3 instruction length of a software event is 0", C(EVENT_IS(EVENT(type, vector))), NOTHING, \
	  C(SET(ENTRY_INSTR_LEN, 1)) }
	SOFT(TYPE_SOFTWARE, 0x80), SOFT(TYPE_PRIVILEGED, 1), SOFT(TYPE_SOFT_EXCEPTION, 3),
	AREA_RULES("27.2.1.3", "VM-entry MSR-load", ENTRY_MSR_LOAD_ADDR, ENTRY_MSR_LOAD_COUNT),
};

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	rows_run(rows, ARRAY_SIZE(rows));
	vmx_disable();
}
