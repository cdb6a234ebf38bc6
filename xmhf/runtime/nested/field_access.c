/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMREAD and VMWRITE of the fields that L1 doesn't reach through its shadow VMCS. Operands have 64 bits in 64-bit mode, else
 * 32: nested->operands cuts them to that. Registers to and from a field's high half are rare and have their own copy of the
 * code; in the other one the bit is masked though it is 0, so that the compiler knows it.
 */
#include "guest/memory.h"
#include "nested/instructions.h"

/* Has VMCS02 a newer value? Hot fields are in m. */
static bool is_behind(const struct nested_vmcs *c, const struct vmcs12_slot *slot)
{
	return c->behind & slot->group && slot->hot == HOT_FIELDS;
}

/* Once more after a fetch. */
static NOINLINE enum verdict after_fetch(struct vcpu *v, u32 group, enum verdict (*access)(struct vcpu *v))
{
	nested_fetch(v, v->nested->current, group);
	return access(v);
}

static u32 bytes(const struct nested *n) { return n->operands >> 32 ? 8 : 4; }

static NOINLINE enum verdict to_memory(struct vcpu *v, u64 value)
{
	struct operand memory = instruction_operand();
	enum verdict verdict = instruction_write(v, &memory, &value, bytes(v->nested));

	return verdict != RESUME ? verdict : SUCCEED;
}

static ALWAYS_INLINE enum verdict read_field(struct vcpu *v, u32 info, u64 encoding)
{
	struct nested_vmcs *c = v->nested->current;
	const struct vmcs12_slot *slot = vmcs12_field(&nested_map, encoding);
	u64 value;

	if (!slot)
		return nested_fail(v, VMFAIL_NO_SUCH_FIELD);
	if (is_behind(c, slot))
		return after_fetch(v, slot->group, nested_vmread);
	value = vmcs12_read(c->m, slot, encoding, true) & v->nested->operands;
	if (!(info & OPERAND_INFO_IN_REGISTER))
		return to_memory(v, value);
	instruction_set_register(v, operand_info_reg1(info), value);
	return SUCCEED;
}

static NOINLINE enum verdict read_half(struct vcpu *v, u64 encoding)
{
	return read_field(v, vmcs_read32(EXIT_INSTR_INFO), encoding);
}

enum verdict nested_vmread(struct vcpu *v)
{
	u64 encoding;
	u32 info;

	if (!nested_allows(v))
		return nested_refuses_fault(v);
	if (!v->nested->current)
		return nested_fail_invalid();
	info = vmcs_read32(EXIT_INSTR_INFO);
	encoding = instruction_register(v, operand_info_reg2(info)) & v->nested->operands;
	if (encoding & VMCS_ENCODING_HIGH)
		return read_half(v, encoding);
	return read_field(v, info, encoding & ~VMCS_ENCODING_HIGH);
}

/* Hot ones go where L1 reads them, too. */
static NOINLINE enum verdict write_hot(struct vcpu *v, struct nested_vmcs *c, u32 field)
{
	c->changed |= field;
	nested_shadow_out(v, c, field);
	return SUCCEED;
}

static ALWAYS_INLINE enum verdict write_field(struct vcpu *v, u64 encoding, u64 value)
{
	struct nested_vmcs *c = v->nested->current;
	const struct vmcs12_slot *slot = vmcs12_field(&nested_map, encoding);

	if (!slot)
		return nested_fail(v, VMFAIL_NO_SUCH_FIELD);
	if (nested_read_only(slot))
		return nested_fail(v, VMFAIL_READ_ONLY_FIELD);
	if (is_behind(c, slot))
		return after_fetch(v, slot->group, nested_vmwrite);
	vmcs12_write(c->m, slot, encoding, value, true);
	if (slot->hot != HOT_FIELDS)
		return write_hot(v, c, BIT(slot->hot));
	c->dirty |= slot->group;
	return SUCCEED;
}

static NOINLINE enum verdict write_half(struct vcpu *v, u64 encoding, u64 value)
{
	return write_field(v, encoding, value);
}

static NOINLINE enum verdict from_memory(struct vcpu *v, u64 encoding)
{
	u64 value = 0;
	enum verdict verdict = instruction_read_l1(v, vmcs_read32(EXIT_INSTR_INFO), &value, bytes(v->nested));

	return verdict != RESUME ? verdict : write_field(v, encoding, value);
}

enum verdict nested_vmwrite(struct vcpu *v)
{
	const struct nested *n = v->nested;
	u64 encoding, value;
	u32 info;

	if (!nested_allows(v))
		return nested_refuses_fault(v);
	if (!n->current)
		return nested_fail_invalid();
	info = vmcs_read32(EXIT_INSTR_INFO);
	encoding = instruction_register(v, operand_info_reg2(info)) & n->operands;
	if (!(info & OPERAND_INFO_IN_REGISTER))
		return from_memory(v, encoding);
	value = instruction_register(v, operand_info_reg1(info)) & n->operands;
	if (encoding & VMCS_ENCODING_HIGH)
		return write_half(v, encoding, value);
	return write_field(v, encoding & ~VMCS_ENCODING_HIGH, value);
}
