/* SPDX-License-Identifier: BSD-2-Clause */
/* INVEPT and INVVPID: SDM vol. 3, 31.3, in the order of its operations. */
#include "guest/memory.h"
#include "guest/state.h"
#include "nested/ept12_walk.h"
#include "nested/instructions.h"

/* IA32_VMX_EPT_VPID_CAP, A.10: a bit for each type, counted from these. */
#define EPT_TYPES_SHIFT		24	/* type 1 is bit 25 */
#define VPID_TYPES_SHIFT	40
#define TYPES			4u	/* INVEPT has none of 0 and 3: their bits are never offered */

struct descriptor { u64 low, high; };

/* RESUME: *@type is one that L1 has, and *@d what memory says of it. */
static inline enum verdict begin(struct vcpu *v, u64 has, u32 types_shift, uptr *type, struct descriptor *d)
{
	u64 caps = nested_caps.msr[CAP_EPT_VPID];	/* none without EPT and VPID */
	u32 info;

	if (!(caps & has))
		return inject(v, UD_FAULT, -1);
	if (!nested_allows(v))
		return nested_refuses_fault(v);
	info = vmcs_read32(EXIT_INSTR_INFO);
	*type = instruction_register(v, operand_info_reg2(info)) & v->nested->operands;
	if (*type >= TYPES || !(caps >> types_shift >> *type & 1))
		return nested_fail(v, VMFAIL_INVALIDATE);
	return instruction_read_l1(v, info, d, sizeof(*d));
}

enum verdict nested_invept(struct vcpu *v)
{
	struct descriptor d;
	uptr type = 0;
	enum verdict verdict = begin(v, EPT_CAP_INVEPT, EPT_TYPES_SHIFT, &type, &d);

	if (verdict != RESUME)
		return verdict;
	if (type == INVEPT_SINGLE && ept12_pointer_fault(&nested_ept12_rules, d.low))
		return nested_fail(v, VMFAIL_INVALIDATE);
	nested_ept_invalidate(v, (enum invept_kind)type, d.low);
	return SUCCEED;
}

enum verdict nested_invvpid(struct vcpu *v)
{
	struct descriptor d;
	uptr type = 0;
	enum verdict verdict = begin(v, EPT_VPID_INVVPID, VPID_TYPES_SHIFT, &type, &d);

	if (verdict != RESUME)
		return verdict;
	if (d.low >> 16 || (type != INVVPID_ALL && d.low == 0) ||
	    (type == INVVPID_ADDRESS && !walk_canonical(d.high, state_cr4())))
		return nested_fail(v, VMFAIL_INVALIDATE);
	nested_vpid_invalidate(v, (enum invvpid_kind)type, (u16)d.low, d.high);
	return SUCCEED;
}
