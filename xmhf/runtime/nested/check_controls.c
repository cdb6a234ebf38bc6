/* SPDX-License-Identifier: BSD-2-Clause */
/* VM-entry checks of the control fields: SDM 27.2.1. */
#include "memory/ept_entry.h"
#include "nested/checks.h"

#define CR0_PE			BIT(0)
#define EVENT_RESERVED		0x7ffff000u	/* bits 30:12 */
#define VTPR_OFFSET		0x80		/* in the virtual-APIC page (SDM 30.1) */
#define EPTP_RESERVED		0xf80u
#define EPTP_WALK(eptp)		((eptp) >> EPTP_WALK_SHIFT & 7)

static const char *check_allowed_settings(const struct vmcs12 *m, const struct vmx_caps_offered *caps)
{
	u32 secondary = secondary_controls(m);

	REQUIRE(controls_fit(m->PIN_CTRLS, caps->msr[CAP_TRUE_PIN]),
		"27.2.1.1 pin-based controls have a reserved bit wrong");
	REQUIRE(controls_fit(m->PRIMARY_CTRLS, caps->msr[CAP_TRUE_PRIMARY]),
		"27.2.1.1 primary controls have a reserved bit wrong");
	REQUIRE(controls_fit(secondary, caps->msr[CAP_SECONDARY]),
		"27.2.1.1 secondary controls have a reserved bit wrong");
	REQUIRE(m->CR3_TARGET_COUNT <= (caps->msr[CAP_MISC] & MISC_CR3_TARGETS) >> MISC_CR3_TARGETS_SHIFT,
		"27.2.1.1 CR3-target count is too large");
	return NULL;
}

static const char *check_bitmaps(const struct vmcs12 *m, u32 width)
{
	bool io = m->PRIMARY_CTRLS & PRIMARY_IO_BITMAPS, msr = m->PRIMARY_CTRLS & PRIMARY_MSR_BITMAPS;

	REQUIRE(IMPLIES(io, !(m->IO_BITMAP_A & PAGE_MASK)), "27.2.1.1 I/O-bitmap A isn't page aligned");
	REQUIRE(IMPLIES(io, within(m->IO_BITMAP_A, width)),
		"27.2.1.1 I/O-bitmap A is beyond the physical-address width");
	REQUIRE(IMPLIES(io, !(m->IO_BITMAP_B & PAGE_MASK)), "27.2.1.1 I/O-bitmap B isn't page aligned");
	REQUIRE(IMPLIES(io, within(m->IO_BITMAP_B, width)),
		"27.2.1.1 I/O-bitmap B is beyond the physical-address width");
	REQUIRE(IMPLIES(msr, !(m->MSR_BITMAP & PAGE_MASK)), "27.2.1.1 MSR bitmap isn't page aligned");
	REQUIRE(IMPLIES(msr, within(m->MSR_BITMAP, width)), "27.2.1.1 MSR bitmap is beyond the physical-address width");
	return NULL;
}

static u32 vtpr_class(const struct vmcs12 *m, const struct entry_facts *f)
{
	u32 vtpr;

	f->read(f->ctx, (gpa1_t){ m->VIRTUAL_APIC_ADDR + VTPR_OFFSET }, &vtpr, sizeof(vtpr));
	return vtpr >> 4 & 15;
}

static const char *check_tpr_shadow(const struct vmcs12 *m, u32 width, const struct entry_facts *f)
{
	u32 secondary = secondary_controls(m);
	bool shadow = m->PRIMARY_CTRLS & PRIMARY_TPR_SHADOW;
	bool threshold = shadow && !(secondary & SECONDARY_VIRTUAL_INTR);

	REQUIRE(IMPLIES(shadow, !(m->VIRTUAL_APIC_ADDR & PAGE_MASK)), "27.2.1.1 virtual-APIC page isn't page aligned");
	REQUIRE(IMPLIES(shadow, within(m->VIRTUAL_APIC_ADDR, width)),
		"27.2.1.1 virtual-APIC page is beyond the physical-address width");
	REQUIRE(IMPLIES(threshold, m->TPR_THRESHOLD <= 15), "27.2.1.1 TPR threshold has one of bits 31:4 set");
	REQUIRE(IMPLIES(threshold && !(secondary & SECONDARY_APIC_ACCESS), m->TPR_THRESHOLD <= vtpr_class(m, f)),
		"27.2.1.1 TPR threshold is above VTPR");
	return NULL;
}

static const char *check_nmi(const struct vmcs12 *m)
{
	REQUIRE(IMPLIES(m->PIN_CTRLS & PIN_VIRTUAL_NMIS, m->PIN_CTRLS & PIN_NMI),
		"27.2.1.1 virtual NMIs without NMI exiting");
	REQUIRE(IMPLIES(m->PRIMARY_CTRLS & PRIMARY_NMI_WINDOW, m->PIN_CTRLS & PIN_VIRTUAL_NMIS),
		"27.2.1.1 NMI-window exiting without virtual NMIs");
	return NULL;
}

static const char *check_apic(const struct vmcs12 *m, u32 width)
{
	u32 secondary = secondary_controls(m);
	bool shadow = m->PRIMARY_CTRLS & PRIMARY_TPR_SHADOW, access = secondary & SECONDARY_APIC_ACCESS;

	REQUIRE(IMPLIES(access, !(m->APIC_ACCESS_ADDR & PAGE_MASK)), "27.2.1.1 APIC-access page isn't page aligned");
	REQUIRE(IMPLIES(access, within(m->APIC_ACCESS_ADDR, width)),
		"27.2.1.1 APIC-access page is beyond the physical-address width");
	REQUIRE(IMPLIES(secondary & SECONDARY_X2APIC, shadow), "27.2.1.1 virtualized x2APIC mode without TPR shadow");
	REQUIRE(IMPLIES(secondary & SECONDARY_APIC_REGS, shadow),
		"27.2.1.1 APIC-register virtualization without TPR shadow");
	REQUIRE(IMPLIES(secondary & SECONDARY_VIRTUAL_INTR, shadow),
		"27.2.1.1 virtual-interrupt delivery without TPR shadow");
	REQUIRE(IMPLIES(secondary & SECONDARY_X2APIC, !access),
		"27.2.1.1 virtualized x2APIC mode with virtualized APIC accesses");
	REQUIRE(IMPLIES(secondary & SECONDARY_VIRTUAL_INTR, m->PIN_CTRLS & PIN_EXTINT),
		"27.2.1.1 virtual-interrupt delivery without external-interrupt exiting");
	return NULL;
}

static const char *check_posted(const struct vmcs12 *m, u32 width)
{
	bool posted = m->PIN_CTRLS & PIN_POSTED_INTR;

	REQUIRE(IMPLIES(posted, secondary_controls(m) & SECONDARY_VIRTUAL_INTR),
		"27.2.1.1 posted interrupts without virtual-interrupt delivery");
	REQUIRE(IMPLIES(posted, m->EXIT_CTRLS & EXIT_ACK_INTR),
		"27.2.1.1 posted interrupts without acknowledge interrupt on exit");
	REQUIRE(IMPLIES(posted, m->POSTED_INTR_NV <= 255),
		"27.2.1.1 posted-interrupt notification vector is above 255");
	REQUIRE(IMPLIES(posted, !(m->POSTED_INTR_DESC & 63)),
		"27.2.1.1 posted-interrupt descriptor isn't 64-byte aligned");
	REQUIRE(IMPLIES(posted, within(m->POSTED_INTR_DESC, width)),
		"27.2.1.1 posted-interrupt descriptor is beyond the physical-address width");
	return NULL;
}

static bool eptp_type_valid(u64 eptp, u64 cap)
{
	switch (eptp & 7) {
	case MEMTYPE_UC:
		return cap & EPT_CAP_POINTER_UC;
	case MEMTYPE_WB:
		return cap & EPT_CAP_POINTER_WB;
	default:
		return false;
	}
}

static const char *check_translation(const struct vmcs12 *m, const struct vmx_caps_offered *caps, u32 width)
{
	u64 eptp = m->EPTP, cap = caps->msr[CAP_EPT_VPID];
	u32 secondary = secondary_controls(m);
	bool ept = secondary & SECONDARY_EPT, pml = secondary & SECONDARY_PML;

	REQUIRE(IMPLIES(secondary & SECONDARY_VPID, m->VPID != 0), "27.2.1.1 VPID is 0");
	REQUIRE(IMPLIES(ept, eptp_type_valid(eptp, cap)), "27.2.1.1 EPTP has an invalid memory type");
	REQUIRE(IMPLIES(ept, EPTP_WALK(eptp) == EPT_LEVELS - 1), "27.2.1.1 EPTP has an invalid page-walk length");
	REQUIRE(IMPLIES(ept && eptp & EPTP_ACCESSED_DIRTY, cap & EPT_CAP_ACCESSED_DIRTY),
		"27.2.1.1 EPTP enables accessed and dirty flags, which the CPU lacks");
	REQUIRE(IMPLIES(ept, !(eptp & EPTP_RESERVED)), "27.2.1.1 EPTP has one of bits 11:7 set");
	REQUIRE(IMPLIES(ept, within(eptp, width)), "27.2.1.1 EPTP is beyond the physical-address width");
	REQUIRE(IMPLIES(pml, ept), "27.2.1.1 PML without EPT");
	REQUIRE(IMPLIES(pml, !(m->PML_ADDR & PAGE_MASK)), "27.2.1.1 PML address isn't page aligned");
	REQUIRE(IMPLIES(pml, within(m->PML_ADDR, width)), "27.2.1.1 PML address is beyond the physical-address width");
	REQUIRE(IMPLIES(secondary & SECONDARY_UNRESTRICTED, ept), "27.2.1.1 unrestricted guest without EPT");
	return NULL;
}

static const char *check_vm_functions(const struct vmcs12 *m, const struct vmx_caps_offered *caps, u32 width)
{
	u32 secondary = secondary_controls(m);
	u64 functions = secondary & SECONDARY_VMFUNC ? m->VMFUNC_CTRLS : 0;
	bool switching = functions & VMFUNC_EPTP_SWITCHING;

	REQUIRE(!(functions & ~caps->msr[CAP_VMFUNC]), "27.2.1.1 VM-function controls have a reserved bit set");
	REQUIRE(IMPLIES(switching, secondary & SECONDARY_EPT), "27.2.1.1 EPTP switching without EPT");
	REQUIRE(IMPLIES(switching, !(m->EPTP_LIST_ADDR & PAGE_MASK)), "27.2.1.1 EPTP list isn't page aligned");
	REQUIRE(IMPLIES(switching, within(m->EPTP_LIST_ADDR, width)),
		"27.2.1.1 EPTP list is beyond the physical-address width");
	return NULL;
}

static const char *check_late_features(const struct vmcs12 *m, u32 width)
{
	u32 secondary = secondary_controls(m);
	bool shadowing = secondary & SECONDARY_VMCS_SHADOWING, ve = secondary & SECONDARY_EPT_VE;

	REQUIRE(IMPLIES(shadowing, !(m->VMREAD_BITMAP & PAGE_MASK)), "27.2.1.1 VMREAD bitmap isn't page aligned");
	REQUIRE(IMPLIES(shadowing, within(m->VMREAD_BITMAP, width)),
		"27.2.1.1 VMREAD bitmap is beyond the physical-address width");
	REQUIRE(IMPLIES(shadowing, !(m->VMWRITE_BITMAP & PAGE_MASK)), "27.2.1.1 VMWRITE bitmap isn't page aligned");
	REQUIRE(IMPLIES(shadowing, within(m->VMWRITE_BITMAP, width)),
		"27.2.1.1 VMWRITE bitmap is beyond the physical-address width");
	REQUIRE(IMPLIES(ve, !(m->VE_INFO_ADDR & PAGE_MASK)), "27.2.1.1 #VE information isn't page aligned");
	REQUIRE(IMPLIES(ve, within(m->VE_INFO_ADDR, width)),
		"27.2.1.1 #VE information is beyond the physical-address width");
	REQUIRE(IMPLIES(secondary & SECONDARY_TSC_SCALING, m->TSC_MULTIPLIER != 0), "27.2.1.1 TSC multiplier is 0");
	return NULL;
}

/* Is the last byte of an MSR area within the width? Its first byte is already known to be. */
static bool area_within(u64 at, u32 count, u32 width)
{
	return within(at + (u64)count * sizeof(struct msr_entry) - 1, width);
}

static const char *check_exit_controls(const struct vmcs12 *m, const struct vmx_caps_offered *caps, u32 width)
{
	u64 store = m->EXIT_MSR_STORE_ADDR, load = m->EXIT_MSR_LOAD_ADDR;
	u32 stores = m->EXIT_MSR_STORE_COUNT, loads = m->EXIT_MSR_LOAD_COUNT;

	REQUIRE(controls_fit(m->EXIT_CTRLS, caps->msr[CAP_TRUE_EXIT]),
		"27.2.1.2 VM-exit controls have a reserved bit wrong");
	REQUIRE(IMPLIES(m->EXIT_CTRLS & EXIT_SAVE_TIMER, m->PIN_CTRLS & PIN_PREEMPTION_TIMER),
		"27.2.1.2 saving the VMX-preemption timer without activating it");
	REQUIRE(IMPLIES(stores, !(store & 15)), "27.2.1.2 VM-exit MSR-store area isn't 16-byte aligned");
	REQUIRE(IMPLIES(stores, within(store, width)),
		"27.2.1.2 VM-exit MSR-store area is beyond the physical-address width");
	REQUIRE(IMPLIES(stores, area_within(store, stores, width)),
		"27.2.1.2 VM-exit MSR-store area ends beyond the physical-address width");
	REQUIRE(IMPLIES(loads, !(load & 15)), "27.2.1.2 VM-exit MSR-load area isn't 16-byte aligned");
	REQUIRE(IMPLIES(loads, within(load, width)),
		"27.2.1.2 VM-exit MSR-load area is beyond the physical-address width");
	REQUIRE(IMPLIES(loads, area_within(load, loads, width)),
		"27.2.1.2 VM-exit MSR-load area ends beyond the physical-address width");
	return NULL;
}

static const char *check_event_error_code(const struct vmcs12 *m, const struct vmx_caps_offered *caps)
{
	u32 info = m->ENTRY_INTR_INFO;
	bool delivers = info & INTR_ERROR_CODE, pushes = PUSHES_ERROR_CODE >> (INTR_VECTOR(info) & 31) & 1;
	bool any = caps->msr[CAP_BASIC] & BASIC_ANY_ERROR_CODE;

	if (INTR_TYPE(info) != INTR_HARDWARE) {
		REQUIRE(!delivers, "27.2.1.3 error code for an event that isn't a hardware exception");
		return NULL;
	}
	REQUIRE(IMPLIES(delivers, m->GUEST_CR0 & CR0_PE), "27.2.1.3 error code for an exception in real mode");
	REQUIRE(IMPLIES(delivers && !any, pushes), "27.2.1.3 error code for an exception that has none");
	REQUIRE(IMPLIES(pushes && !any && m->GUEST_CR0 & CR0_PE, delivers),
		"27.2.1.3 no error code for an exception that has one");
	return NULL;
}

static const char *check_event(const struct vmcs12 *m, const struct vmx_caps_offered *caps)
{
	u32 info = m->ENTRY_INTR_INFO, type = INTR_TYPE(info), length = m->ENTRY_INSTR_LEN;
	bool software = type == INTR_SOFTWARE || type == INTR_PRIVILEGED || type == INTR_SOFT_EXCEPTION;
	const char *failed;

	REQUIRE(type != 1 && IMPLIES(type == INTR_OTHER, caps_allow(caps, CAP_PRIMARY, PRIMARY_MTF)),
		"27.2.1.3 event type is reserved");
	REQUIRE(IMPLIES(type == INTR_NMI, INTR_VECTOR(info) == NMI_VECTOR), "27.2.1.3 NMI with another vector than 2");
	REQUIRE(IMPLIES(type == INTR_HARDWARE, INTR_VECTOR(info) <= 31),
		"27.2.1.3 hardware exception with a vector above 31");
	REQUIRE(IMPLIES(type == INTR_OTHER, INTR_VECTOR(info) == 0), "27.2.1.3 other event with a vector other than 0");
	failed = check_event_error_code(m, caps);
	if (failed)
		return failed;
	REQUIRE(!(info & EVENT_RESERVED), "27.2.1.3 event has one of bits 30:12 set");
	REQUIRE(IMPLIES(info & INTR_ERROR_CODE, within(m->ENTRY_ERROR_CODE, 16)),
		"27.2.1.3 error code has one of bits 31:16 set");
	REQUIRE(IMPLIES(software, length <= 15), "27.2.1.3 instruction length of a software event is above 15");
	REQUIRE(IMPLIES(software && length == 0, caps->msr[CAP_MISC] & MISC_ZERO_LENGTH),
		"27.2.1.3 instruction length of a software event is 0");
	return NULL;
}

const char *check_entry_event(const struct vmcs12 *m, const struct vmx_caps_offered *caps)
{
	return m->ENTRY_INTR_INFO & INTR_VALID ? check_event(m, caps) : NULL;
}

static const char *check_entry_controls(const struct vmcs12 *m, const struct vmx_caps_offered *caps, u32 width)
{
	u64 load = m->ENTRY_MSR_LOAD_ADDR;
	u32 loads = m->ENTRY_MSR_LOAD_COUNT;
	const char *failed;

	REQUIRE(controls_fit(m->ENTRY_CTRLS, caps->msr[CAP_TRUE_ENTRY]),
		"27.2.1.3 VM-entry controls have a reserved bit wrong");
	failed = check_entry_event(m, caps);
	if (failed)
		return failed;
	REQUIRE(IMPLIES(loads, !(load & 15)), "27.2.1.3 VM-entry MSR-load area isn't 16-byte aligned");
	REQUIRE(IMPLIES(loads, within(load, width)),
		"27.2.1.3 VM-entry MSR-load area is beyond the physical-address width");
	REQUIRE(IMPLIES(loads, area_within(load, loads, width)),
		"27.2.1.3 VM-entry MSR-load area ends beyond the physical-address width");
	return NULL;
}

const char *check_controls(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f)
{
	u32 width = vmx_address_bits(caps, f);

	return check_allowed_settings(m, caps) ?:
	       check_bitmaps(m, width) ?:
	       check_tpr_shadow(m, width, f) ?:
	       check_nmi(m) ?:
	       check_apic(m, width) ?:
	       check_posted(m, width) ?:
	       check_translation(m, caps, width) ?:
	       check_vm_functions(m, caps, width) ?:
	       check_late_features(m, width) ?:
	       check_exit_controls(m, caps, width) ?:
	       check_entry_controls(m, caps, width);
}
