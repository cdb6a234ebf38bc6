/* SPDX-License-Identifier: BSD-2-Clause */
/* VMREAD and VMWRITE of the fields that L1 doesn't reach through its shadow VMCS. */
#include "guest/memory.h"
#include "nested/instructions.h"

/* What both begin with. RESUME: *@slot is the field, or NULL where L1 has none of that encoding. */
struct access {
	u32 info, bytes;
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
	a->info = vmcs_read32(EXIT_INSTR_INFO);
	a->bytes = instruction_bytes();
	a->encoding = instruction_register(v, operand_info_reg2(a->info), a->bytes);
	a->slot = vmcs12_field(&nested_map, a->encoding);
	return RESUME;
}

/* Values that VMCS02 has newer come from there; hot ones are in m, unless a fetch brought that of VMCS02 again. */
static void fetch(struct vcpu *v, const struct vmcs12_slot *slot)
{
	struct nested_vmcs *c = v->nested->current;

	if (c->behind & GROUP_BIT(slot->group))
		nested_fetch(v, c, GROUP_BIT(slot->group));
}

static __attribute__((noinline)) enum verdict to_memory(struct vcpu *v, const struct access *a, u64 value)
{
	struct operand memory = operand_decode(a->info);

	return instruction_write(v, &memory, &value, a->bytes);
}

enum verdict nested_vmread(struct vcpu *v)
{
	struct access a = { 0 };
	enum verdict verdict = begin(v, &a);
	u64 value;

	if (verdict != RESUME)
		return verdict;
	if (!a.slot)
		return nested_fail(v, VMFAIL_NO_SUCH_FIELD);
	if (a.slot->hot == HOT_FIELDS)
		fetch(v, a.slot);
	value = vmcs12_read(v->nested->current->m, a.slot, a.encoding, a.bytes == 8);
	if (a.info & OPERAND_INFO_IN_REGISTER)
		instruction_set_register(v, operand_info_reg1(a.info), value);
	else
		verdict = to_memory(v, &a, value);
	return verdict != RESUME ? verdict : nested_succeed();
}

static enum verdict source(struct vcpu *v, const struct access *a, u64 *value)
{
	struct operand memory;

	*value = 0;
	if (a->info & OPERAND_INFO_IN_REGISTER) {
		*value = instruction_register(v, operand_info_reg1(a->info), a->bytes);
		return RESUME;
	}
	memory = operand_decode(a->info);
	return instruction_read(v, &memory, value, a->bytes);
}

static void write_field(struct vcpu *v, const struct access *a, u64 value)
{
	struct nested_vmcs *c = v->nested->current;

	fetch(v, a->slot);
	vmcs12_write(c->m, a->slot, a->encoding, value, a->bytes == 8);
	if (a->slot->hot == HOT_FIELDS) {
		c->dirty |= GROUP_BIT(a->slot->group);
		return;
	}
	c->changed |= BIT64(a->slot->hot);
	nested_shadow_out(v, c, BIT64(a->slot->hot));		/* where L1 reads it */
}

enum verdict nested_vmwrite(struct vcpu *v)
{
	struct access a = { 0 };
	enum verdict verdict = begin(v, &a);
	u64 value;

	if (verdict != RESUME)
		return verdict;
	verdict = source(v, &a, &value);
	if (verdict != RESUME)
		return verdict;
	if (!a.slot)
		return nested_fail(v, VMFAIL_NO_SUCH_FIELD);
	if (a.slot->group == GROUP_EXIT_INFO && !(nested_caps.msr[CAP_MISC] & MISC_WRITE_ANY_FIELD))
		return nested_fail(v, VMFAIL_READ_ONLY_FIELD);
	write_field(v, &a, value);
	return nested_succeed();
}
