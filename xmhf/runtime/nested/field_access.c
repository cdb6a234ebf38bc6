/* SPDX-License-Identifier: BSD-2-Clause */
/* VMREAD and VMWRITE of the fields that L1 doesn't reach through its shadow VMCS. */
#include "guest/memory.h"
#include "nested/instructions.h"

/* What both begin with. RESUME: *@slot is the field, or NULL where L1 has none of that encoding. */
struct access {
	struct operand operand;
	u32 bytes;
	u64 encoding;
	const struct vmcs12_slot *slot;
};

static enum verdict begin(struct vcpu *v, struct access *a)
{
	enum verdict verdict = nested_refuses(v);

	if (verdict != RESUME)
		return verdict;
	if (!v->nested->current)
		return nested_fail_invalid();
	a->operand = instruction_operand();
	a->bytes = instruction_bytes(guest_code_bits());
	a->encoding = instruction_register(v, a->operand.reg2, a->bytes);
	a->slot = vmcs12_field(&nested_map, a->encoding);
	return RESUME;
}

/* Values that VMCS02 has newer come from there. */
static void fetch(struct vcpu *v, const struct vmcs12_slot *slot)
{
	struct nested_vmcs *c = v->nested->current;

	if (c->behind & GROUP_BIT(slot->group))
		nested_fetch(v, c, GROUP_BIT(slot->group));
}

enum verdict nested_vmread(struct vcpu *v)
{
	struct access a;
	enum verdict verdict = begin(v, &a);
	u64 value;

	if (verdict != RESUME)
		return verdict;
	if (!a.slot)
		return nested_fail(v, VMFAIL_NO_SUCH_FIELD);
	fetch(v, a.slot);
	value = vmcs12_read(v->nested->current->m, a.slot, a.encoding, a.bytes == 8);
	if (a.operand.in_register)
		instruction_set_register(v, a.operand.reg1, value);
	else
		verdict = instruction_write(v, &a.operand, &value, a.bytes);
	return verdict != RESUME ? verdict : nested_succeed();
}

static enum verdict source(struct vcpu *v, const struct access *a, u64 *value)
{
	*value = 0;
	if (!a->operand.in_register)
		return instruction_read(v, &a->operand, value, a->bytes);
	*value = instruction_register(v, a->operand.reg1, a->bytes);
	return RESUME;
}

static void write_field(struct vcpu *v, const struct access *a, u64 value)
{
	struct nested_vmcs *c = v->nested->current;

	fetch(v, a->slot);
	vmcs12_write(c->m, a->slot, a->encoding, value, a->bytes == 8);
	c->dirty |= GROUP_BIT(a->slot->group);
}

enum verdict nested_vmwrite(struct vcpu *v)
{
	struct access a;
	enum verdict verdict = begin(v, &a);
	u64 value;

	if (verdict != RESUME)
		return verdict;
	verdict = source(v, &a, &value);
	if (verdict != RESUME)
		return verdict;
	if (!a.slot)
		return nested_fail(v, VMFAIL_NO_SUCH_FIELD);
	if (a.slot->group == GROUP_EXIT_INFO) {
		if (!(nested_caps.msr[CAP_MISC] & MISC_WRITE_ANY_FIELD))
			return nested_fail(v, VMFAIL_READ_ONLY_FIELD);
		nested_shadow_in(v, v->nested->current);	/* L1 reads such fields in its shadow VMCS */
		write_field(v, &a, value);
		nested_shadow_out(v, v->nested->current);
	} else {
		write_field(v, &a, value);
	}
	return nested_succeed();
}
