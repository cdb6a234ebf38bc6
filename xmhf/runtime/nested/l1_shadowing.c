/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS shadowing as L1 uses it (SDM 25.10): VMREAD and VMWRITE of L2 that L1's bitmaps let through go to the shadow VMCS
 * that L1's VMCS link pointer names, in L1's memory.
 */
#include "guest/memory.h"
#include "lib/string.h"
#include "nested/instructions.h"
#include "nested/l2_exits.h"

struct shadow_access {
	struct operand operand;
	u32 bytes;
	u64 encoding, at;		/* at: the shadow VMCS */
	const struct vmcs12_slot *slot;
	struct vmcs12 m;		/* of which the field alone is filled */
};

/* Bytes of the shadow VMCS. It is at hand if L1 had it current before; where L1 has no memory it reads as ones. */
static void fetch(struct vcpu *v, const struct shadow_access *a, u32 offset, void *to, u32 bytes)
{
	const struct nested_vmcs *at_hand = nested_cached(v, a->at);

	if (at_hand)
		memcpy(to, (const u8 *)at_hand->m + offset, bytes);
	else if (!guest_read_physical((gpa1_t){ a->at + offset }, to, bytes))
		memset(to, 0xff, bytes);
}

static void store(struct vcpu *v, const struct shadow_access *a, u32 offset, const void *from, u32 bytes)
{
	struct nested_vmcs *at_hand = nested_cached(v, a->at);

	if (at_hand) {
		memcpy((u8 *)at_hand->m + offset, from, bytes);
		at_hand->shadow_is_old = true;
	} else if (!guest_write_physical((gpa1_t){ a->at + offset }, from, bytes)) {
		/* L1 has no memory there: lost */
	}
}

static enum verdict begin(struct vcpu *v, struct shadow_access *a)
{
	if (guest_cpl())
		return inject(v, GP_FAULT, 0);
	a->operand = instruction_operand();
	a->bytes = instruction_bytes();
	a->encoding = instruction_operand_in(v, a->operand.reg2);
	a->at = v->nested->current->m->VMCS_LINK_POINTER;
	a->slot = vmcs12_field(&nested_map, a->encoding);
	return RESUME;
}

/* The field's bytes in a->m. */
static u8 *field(struct shadow_access *a) { return (u8 *)&a->m + a->slot->offset; }

enum verdict l2_vmread(struct vcpu *v)
{
	struct shadow_access a;
	enum verdict verdict = begin(v, &a);
	u64 value;

	if (verdict != RESUME)
		return verdict;
	if (a.at == NO_VMCS)
		return nested_fail_invalid();
	if (!a.slot)
		return nested_fail(v, VMFAIL_NO_SUCH_FIELD);
	fetch(v, &a, a.slot->offset, field(&a), vmcs12_slot_bytes(a.slot));
	value = vmcs12_read(&a.m, a.slot, a.bytes == 8);
	if (a.operand.in_register)
		instruction_set_register(v, a.operand.reg1, value);
	else
		verdict = instruction_write(v, &a.operand, &value, a.bytes);
	return verdict != RESUME ? verdict : SUCCEED;
}

enum verdict l2_vmwrite(struct vcpu *v)
{
	struct shadow_access a;
	enum verdict verdict = begin(v, &a);
	u64 value = 0;

	if (verdict != RESUME)
		return verdict;
	if (a.at == NO_VMCS)
		return nested_fail_invalid();
	if (a.operand.in_register)
		value = instruction_operand_in(v, a.operand.reg1);
	else
		verdict = instruction_read(v, &a.operand, &value, a.bytes);
	if (verdict != RESUME)
		return verdict;
	if (!a.slot)
		return nested_fail(v, VMFAIL_NO_SUCH_FIELD);
	if (a.slot->special == SLOT_READ_ONLY)
		return nested_fail(v, VMFAIL_READ_ONLY_FIELD);
	fetch(v, &a, a.slot->offset, field(&a), vmcs12_slot_bytes(a.slot));
	vmcs12_write(&a.m, a.slot, value, a.bytes == 8);
	store(v, &a, a.slot->offset, field(&a), vmcs12_slot_bytes(a.slot));
	return SUCCEED;
}
