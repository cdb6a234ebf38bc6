/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS shadowing (SDM 25.10): L1 reads and writes the hot fields of its current VMCS in a shadow VMCS, without an exit.
 * Made from the field table, but for what every entry to L2 looks at.
 */
#include "nested/hot.h"
#include "nested/wide.h"

#define NAMES_NOT(name, width)
#define NAMES_READ(name, width)		[HOT_##name] = { name, offsetof(struct vmcs12, name), sizeof(vmcs12_##width) },
#define NAMES_WRITE(name, width)	NAMES_READ(name, width)
#define NAMES_WIDE(name, width)
#define FIELD(name, encoding, width, group, shadowed, exists) NAMES_##shadowed(name, width)
static const struct hot { u16 field, offset; u8 bytes; } hot[HOT_FIELDS] = {
#include "vmx/vmcs_fields.def"
};
#undef FIELD

/* The CPU has what L1 is offered; the others it may lack. */
static u32 existing;

void shadow_init(void)
{
	for (u32 i = 0; i < HOT_FIELDS; i++)
		if (vmcs12_field(&nested_map, hot[i].field))
			existing |= BIT(i);
}

#define TAKE(name) HOT_TAKE(changed, m, name)

u32 shadow_take_all(struct nested_vmcs *c)
{
	struct vmcs12 *m = c->m;
	u32 changed = 0;

#define TAKE_NOT(name)
#define TAKE_READ(name)
#define TAKE_WIDE(name)
#define TAKE_WRITE(name) if (existing & HOT(name)) TAKE(name);
#define FIELD(name, encoding, width, group, shadowed, exists) TAKE_##shadowed(name)
#include "vmx/vmcs_fields.def"
#undef FIELD
	return changed;
}

u32 shadow_take_event(struct vmcs12 *m)
{
	u32 changed = 0;

	TAKE(ENTRY_ERROR_CODE);
	TAKE(ENTRY_INSTR_LEN);
	return changed;
}

bool shadow_takes_more(const struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;

	return c->wide || m->PRIMARY_CTRLS & PRIMARY_TPR_SHADOW || m->PIN_CTRLS & PIN_PREEMPTION_TIMER ||
	       secondary_controls(m) & (SECONDARY_VIRTUAL_INTR | SECONDARY_PML);
}

u32 shadow_take_more(struct nested_vmcs *c)
{
	struct vmcs12 *m = c->m;
	u32 changed = c->wide ? wide_enter(c) : 0;

	if (m->PRIMARY_CTRLS & PRIMARY_TPR_SHADOW)
		TAKE(TPR_THRESHOLD);
	if (m->PIN_CTRLS & PIN_PREEMPTION_TIMER)
		TAKE(PREEMPTION_TIMER);
	if (secondary_controls(m) & SECONDARY_VIRTUAL_INTR)
		TAKE(GUEST_INTR_STATUS);
	if (secondary_controls(m) & SECONDARY_PML)
		TAKE(GUEST_PML_INDEX);
	return changed;
}

static u64 value_of(const struct vmcs12 *m, const struct hot *h)
{
	const void *at = (const u8 *)m + h->offset;

	return h->bytes == 8 ? *(const u64 *)at : h->bytes == 4 ? *(const u32 *)at : *(const u16 *)at;
}

void shadow_give_more(struct nested_vmcs *c, u32 fields)
{
	if (c->wide_news)
		wide_give(c);
	for (fields &= existing; fields; fields &= fields - 1) {
		const struct hot *h = &hot[__builtin_ctz(fields)];

		vmcs_write((enum vmcs_field)h->field, value_of(c->m, h));
	}
}

void nested_shadow_in(struct vcpu *v, struct nested_vmcs *c)
{
	if (!nested_shadowing || c != v->nested->current)
		return;
	vmcs_use(&c->shadow);
	c->changed |= shadow_take_all(c) | (c->wide ? wide_take(c) : 0);
	vmcs_use(&v->vmcs01);
}

void nested_shadow_out(struct vcpu *v, struct nested_vmcs *c, u32 fields)
{
	if (!nested_shadowing)
		return;
	vmcs_use(&c->shadow);
	shadow_give(c, fields);
	vmcs_use(v->in_l2 ? &c->vmcs02 : &v->vmcs01);
}

void nested_shadow_error(struct vcpu *v, struct nested_vmcs *c, u32 error)
{
	c->m->VM_INSTR_ERROR = error;
	nested_shadow_out(v, c, HOT(VM_INSTR_ERROR));
}
