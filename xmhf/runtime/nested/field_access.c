/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMREAD and VMWRITE of the fields that L1 doesn't reach through its shadow VMCS. Operands have 64 bits in 64-bit mode, else
 * 32: nested->operands cuts them to that.
 */
#include "guest/memory.h"
#include "nested/instructions.h"

/* Once more after a fetch. */
static NOINLINE enum verdict after_fetch(struct vcpu *v, u32 group, enum verdict (*access)(struct vcpu *v))
{
	nested_fetch(v, v->nested->current, group);
	return access(v);
}

static u32 bytes(const struct nested *n) { return n->operands > ~0u ? 8 : 4; }

static NOINLINE enum verdict to_memory(struct vcpu *v, u64 value)
{
	struct operand memory = instruction_operand();
	enum verdict verdict = instruction_write(v, &memory, &value, bytes(v->nested));

	return verdict != RESUME ? verdict : SUCCEED;
}

enum verdict nested_vmread(struct vcpu *v)
{
	const struct vmcs12_slot *slot;
	struct nested_vmcs *c;
	uptr operands;
	u64 value;
	u32 info;

	if (!nested_has_current(v))
		return nested_refuses_current(v);
	c = v->nested->current;
	operands = v->nested->operands;
	info = vmcs_read32(EXIT_INSTR_INFO);
	slot = vmcs12_slot(&nested_map, instruction_register(v, operand_info_reg2(info)) & operands);
	if (slot->special == SLOT_NONE)
		return nested_fail(v, VMFAIL_NO_SUCH_FIELD);
	if (c->behind & slot->group)
		return after_fetch(v, slot->group, nested_vmread);
	value = vmcs12_read(c->m, slot, true) & operands;
	if (!(info & OPERAND_INFO_IN_REGISTER))
		return to_memory(v, value);
	instruction_set_register(v, operand_info_reg1(info), value);
	return SUCCEED;
}

static NOINLINE enum verdict write_special(struct vcpu *v, struct nested_vmcs *c, const struct vmcs12_slot *slot, u64 value)
{
	if (slot->special != SLOT_SHADOWED)
		return nested_fail(v, slot->special == SLOT_NONE ? VMFAIL_NO_SUCH_FIELD : VMFAIL_READ_ONLY_FIELD);
	vmcs12_write(c->m, slot, value, true);
	c->changed |= slot->hot;
	nested_shadow_out(v, c, slot->hot);
	return SUCCEED;
}

static inline enum verdict write_field(struct vcpu *v, u64 encoding, u64 value)
{
	struct nested_vmcs *c = v->nested->current;
	const struct vmcs12_slot *slot = vmcs12_slot(&nested_map, encoding);
	u32 group = slot->group;

	if (__builtin_expect(slot->special, 0))
		return write_special(v, c, slot, value);
	if (c->behind & group)
		return after_fetch(v, group, nested_vmwrite);
	c->dirty |= group;
	c->changed |= slot->hot;
	vmcs12_write(c->m, slot, value, true);
	return SUCCEED;
}

static NOINLINE enum verdict from_memory(struct vcpu *v, u64 encoding)
{
	u64 value = 0;
	enum verdict verdict = instruction_read_l1(v, vmcs_read32(EXIT_INSTR_INFO), &value, bytes(v->nested));

	return verdict != RESUME ? verdict : write_field(v, encoding, value);
}

enum verdict nested_vmwrite(struct vcpu *v)
{
	uptr operands, encoding;
	u32 info;

	if (!nested_has_current(v))
		return nested_refuses_current(v);
	operands = v->nested->operands;
	info = vmcs_read32(EXIT_INSTR_INFO);
	encoding = instruction_register(v, operand_info_reg2(info)) & operands;
	if (!(info & OPERAND_INFO_IN_REGISTER))
		return from_memory(v, encoding);
	return write_field(v, encoding, instruction_register(v, operand_info_reg1(info)) & operands);
}
