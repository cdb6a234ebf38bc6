/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT violations of L2: filled in EPT02, L1's to see, or what one of L1's at that address would be. */
#include "guest/exits.h"
#include "machine/log.h"
#include "nested/state.h"
#include "nested/ept_event.h"

/* What L1 sees of a violation of its EPT12; @linear where the qualification says that there is one. */
static enum verdict tell_l1(struct vcpu *v, struct nested_vmcs *c, const struct ept02_fault *f, u64 ours, u64 linear)
{
	const struct ept12 ept12 = nested_ept12(c, NULL);
	u64 qualification = ept12_qualification(&ept12, ours, f->ept12.rights);

	if (ept_event_is_ve(c->m, f) && !(vmcs_read32(IDT_VECTORING_INFO) & INTR_VALID) && vmcs_read(GUEST_CR0) & CR0_PE &&
	    ept_event_write_ve(c->m, f, qualification, linear))
		return inject(v, VE_FAULT, -1);
	c->fault_at = f->at.at;
	c->fault_want = f->want;
	return nested_reflect(v, EXIT_EPT_VIOLATION, qualification);
}

/* Other than EPT02_RESUME. */
static enum verdict answer(struct vcpu *v, struct nested_vmcs *c, enum ept02_answer what, const struct ept02_fault *f,
			   u64 ours)
{
	switch (what) {
	case EPT02_RESUME:
		break;
	case EPT02_VIOLATION:
		return tell_l1(v, c, f, ours, vmcs_read(GUEST_LINEAR_ADDR));
	case EPT02_MISCONFIGURED:
		return nested_reflect(v, EXIT_EPT_MISCONFIG, 0);
	case EPT02_LOG_FULL:
		return nested_reflect(v, EXIT_PML_FULL, ours & QUAL_NMI_UNBLOCKING);
	case EPT02_PROTECTED:
		return guest_ept_violation_at(v, f->ept12.at.at, (u32)ours);
	case EPT02_NO_PAGES:
		nested_ept_make_room(v->nested);
		break;
	}
	return guest_retry((u32)ours);
}

/* All but f->ept12, which is for ept02_fault(). */
static void fault_begin(struct ept02_fault *f, struct vcpu *v, u64 at, u64 want)
{
	f->at.at = at;
	f->want = (enum ept_rights)want;
	f->log = NULL;
	f->stream = &v->nested->ept.stream;
	f->ahead = false;
}

enum verdict nested_ept_violation(struct vcpu *v)
{
	struct nested_vmcs *c = v->nested->current;
	u64 at = vmcs_read(GUEST_PHYSICAL_ADDR), ours = vmcs_read(EXIT_QUALIFICATION);
	u32 controls = secondary_controls(c->m);
	struct ept_log log;
	struct ept12_log log12;
	struct ept02_fault f;
	enum ept02_answer what;

	if (!(controls & SECONDARY_EPT))
		return guest_ept_violation_at(v, at, (u32)ours);
	fault_begin(&f, v, at, ours & QUAL_ACCESS);
	if (controls & SECONDARY_PML) {
		log = (struct ept_log){ .m = c->m };
		log12 = ept_event_log(&log);
		f.log = &log12;
	}
	lock_take(&ept01_lock);
	what = ept02_fault(&ept02, c->ept02, &f);
	lock_drop(&ept01_lock);
	return what == EPT02_RESUME ? guest_retry((u32)ours) : answer(v, c, what, &f, ours);
}

enum verdict nested_ept_misconfigured(struct vcpu *v)
{
	panic("CPU %u: EPT02 is misconfigured at 0x%llx", v->index, vmcs_read(GUEST_PHYSICAL_ADDR));
}

void nested_ept_ahead(struct vcpu *v, struct nested_vmcs *c)
{
	struct ept02_fault f;

	fault_begin(&f, v, c->fault_at, c->fault_want);
	f.ahead = true;
	c->fault_want = 0;
	if (!(secondary_controls(c->m) & SECONDARY_EPT) || !c->ept02 || !ept02_is_of(c->ept02, c->eptp12))
		return;
	lock_take(&ept01_lock);
	if (ept02_fault(&ept02, c->ept02, &f) != EPT02_RESUME) {
		/* L2 will find that out */
	}
	lock_drop(&ept01_lock);
}

struct ept12 nested_ept12(const struct nested_vmcs *c, const struct ept12_log *log)
{
	return (struct ept12){ ept02.rules, &ept02.memory12, log, { c->eptp12 & EPT_ENTRY_ADDRESS },
			       (c->eptp12 & EPTP_ACCESSED_DIRTY) != 0 };
}

bool nested_translate(struct vcpu *v, u64 *at, u32 rights)
{
	struct nested *n = v->nested;
	const struct nested_vmcs *c = n->current;
	struct ept_log log = { .m = c->m };
	const struct ept12_log log12 = ept_event_log(&log);
	const struct ept12 ept12 = nested_ept12(c, secondary_controls(c->m) & SECONDARY_PML ? &log12 : NULL);
	bool is_walk = !rights || rights == EPT_RW;
	enum ept12_status status;

	if (!(secondary_controls(c->m) & SECONDARY_EPT))
		return true;
	if (!rights)		/* 29.3.3.2 */
		rights = ept12.accessed_dirty ? EPT_RW : EPT_R;
	n->refused = (struct ept02_fault){ .at = { *at }, .want = (enum ept_rights)rights };
	n->refused_walk = is_walk;
	lock_take(&ept01_lock);
	status = ept12_walk(&ept12, n->refused.at, n->refused.want, &n->refused.ept12);
	lock_drop(&ept01_lock);
	n->refusal = status;
	*at = n->refused.ept12.at.at;
	return status == EPT12_OK;
}

bool nested_look(struct vcpu *v, gpa2_t at, struct nested_place *place)
{
	const struct nested_vmcs *c = v->nested->current;
	struct ept12_memory unmarked = ept02.memory12;
	struct ept12 ept12 = nested_ept12(c, NULL);
	struct ept12_translation to;
	enum ept12_status status;

	*place = (struct nested_place){ { at.at }, SIZE_1G, EPT_RWX };
	if (!(secondary_controls(c->m) & SECONDARY_EPT))
		return true;
	unmarked.cmpxchg = NULL;
	ept12.memory = &unmarked;
	lock_take(&ept01_lock);
	status = ept12_walk(&ept12, at, (enum ept_rights)0, &to);
	lock_drop(&ept01_lock);
	*place = (struct nested_place){ to.at, ept_span(to.level), to.rights };
	return status == EPT12_OK;
}

/* An exit of the instruction's own comes first: this one is made up, with the addresses and RF that the CPU's would have. */
static enum verdict refuse(struct vcpu *v, enum verdict verdict, u64 linear)
{
	struct nested *n = v->nested;

	if (verdict != REFLECT)
		return verdict;
	n->exit.made_up = n->exit.has_addresses = true;
	n->exit.physical = n->refused.at.at;
	n->exit.linear = linear;
	vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) | RFLAGS_RF);
	return REFLECT;
}

enum verdict nested_refusal(struct vcpu *v, u64 linear)
{
	struct nested *n = v->nested;
	enum verdict verdict = RESUME;
	u64 ours;

	if (!v->in_l2)
		return RESUME;
	ours = (u64)n->refused.want | QUAL_HAS_LINEAR | (n->refused_walk ? 0 : QUAL_TRANSLATED);
	switch (n->refusal) {
	case EPT12_OK:
		break;
	case EPT12_RETRY:		/* L1 changes it all the time: as if it had been in the way */
	case EPT12_VIOLATION:
		verdict = tell_l1(v, n->current, &n->refused, ours, linear);
		break;
	case EPT12_MISCONFIGURED:
		verdict = nested_reflect(v, EXIT_EPT_MISCONFIG, 0);
		break;
	case EPT12_LOG_FULL:
		verdict = nested_reflect(v, EXIT_PML_FULL, 0);
		break;
	}
	n->refusal = EPT12_OK;
	return refuse(v, verdict, linear);
}
