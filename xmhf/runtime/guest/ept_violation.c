/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT violations of L1: our own range, memory that isn't mapped yet, what a hypapp protects. */
#include "guest/double_fault.h"
#include "guest/exits.h"
#include "hypapp/hypapp.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "memory/ept01.h"
#include "memory/track.h"
#include "nested/nested.h"

static u32 touches;		/* of our range, by the guest; counted, told once */

static void report_once(u64 at, u32 qualification)
{
	if (__atomic_fetch_add(&touches, 1, __ATOMIC_RELAXED) == 0)
		log_warn("the guest %s our memory at 0x%llx (said once)",
			 qualification & QUAL_FETCH ? "executes" : "writes to", at);
}

enum verdict guest_retry(u32 qualification)
{
	if (vmcs_read32(IDT_VECTORING_INFO) & INTR_VALID)
		guest_redeliver();
	else if (qualification & QUAL_NMI_UNBLOCKING)
		vmcs_write(GUEST_INTERRUPTIBILITY, vmcs_read32(GUEST_INTERRUPTIBILITY) | BLOCKING_NMI);
	return RESUME;
}

#define ERROR_EXT	1	/* in an error code: met on the way to the handler of what no INT asked for (7.13) */

/* #GP; on the way to another exception's handler both merge, if an L1 doesn't take the second one. */
static enum verdict refuse(struct vcpu *v)
{
	u32 vectoring = vmcs_read32(IDT_VECTORING_INFO);
	int error = vectoring & INTR_VALID && INTR_TYPE(vectoring) <= INTR_HARDWARE ? ERROR_EXT : 0;

	if (nested_wants_fault(v, GP_FAULT, (u32)error))
		return inject(v, GP_FAULT, error);
	switch (double_fault_of(vectoring, GP_FAULT)) {
	case FAULT_DOUBLE:
		return inject(v, DF_ABORT, 0);
	case FAULT_SHUTDOWN:
		return SHUT_DOWN;
	default:
		return inject(v, GP_FAULT, error);
	}
}

static enum verdict our_range(struct vcpu *v, u64 at, u32 qualification)
{
	report_once(at, qualification);
	if (qualification & QUAL_FETCH)
		return refuse(v);
	lock_take(&ept01_lock);
	ept01_throw_away((gpa1_t){ at & ~(u64)PAGE_MASK });
	lock_drop(&ept01_lock);
	return guest_retry(qualification);
}

/* The guest may do all that it tried by now: the violation was stale, or the hypapp gave the rights back. */
static bool is_allowed(u64 at, u32 qualification)
{
	struct ept_leaf leaf;
	u32 tried = qualification & EPT_RWX;		/* bits 2:0 have the order of the rights */
	bool mapped;

	lock_take(&ept01_lock);
	mapped = ept_lookup(&ept01, (gpa1_t){ at }, &leaf);
	lock_drop(&ept01_lock);
	return mapped && !(tried & ~(u32)leaf.rights);
}

static enum verdict ask_hypapp(struct vcpu *v, u64 at, u32 qualification)
{
	struct xmhf_violation violation = {
		.at = { at },
		.has_linear = qualification & QUAL_HAS_LINEAR,
		.page_walk = (qualification & (QUAL_HAS_LINEAR | QUAL_TRANSLATED)) == QUAL_HAS_LINEAR,
		.read = qualification & QUAL_READ,
		.write = qualification & QUAL_WRITE,
		.fetch = qualification & QUAL_FETCH,
	};

	if (violation.has_linear)
		violation.linear.at = vmcs_read(GUEST_LINEAR_ADDR);
	switch (hypapp_ept_violation(v, &violation)) {
	case XMHF_INJECT:
		return INJECT;
	case XMHF_SKIP:
		return guest_retry(qualification);
	case XMHF_CHAIN:
		break;
	}
	return is_allowed(at, qualification) ? guest_retry(qualification) : refuse(v);
}

enum verdict guest_ept_violation(struct vcpu *v)
{
	return guest_ept_violation_at(v, vmcs_read(GUEST_PHYSICAL_ADDR), (u32)vmcs_read(EXIT_QUALIFICATION));
}

enum verdict guest_ept_violation_at(struct vcpu *v, u64 at, u32 qualification)
{
	struct ept_leaf leaf;
	bool mapped, filled = true, tracked;

	if (machine_is_ours(at))
		return our_range(v, at, qualification);
	lock_take(&ept01_lock);
	tracked = qualification & QUAL_WRITE && track_violation((gpa1_t){ at });
	mapped = ept_lookup(&ept01, (gpa1_t){ at }, &leaf);
	if (!mapped)
		filled = ept_fill(&ept01, (gpa1_t){ at });
	lock_drop(&ept01_lock);
	if (!filled)
		return refuse(v);		/* beyond what EPT translates, or out of tables */
	if (mapped && !tracked && (leaf.rights & EPT_RWX) != EPT_RWX)
		return ask_hypapp(v, at, qualification);
	return guest_retry(qualification);
}

u32 guest_touches(void)
{
	return touches;
}
