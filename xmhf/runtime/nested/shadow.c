/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS shadowing (SDM 25.10): L1 reads and writes the hot fields of its current VMCS in a shadow VMCS, without an exit.
 * Straight code made from the field table: this runs at every entry to L2 and exit from it.
 */
#include "nested/hot.h"

#define ALWAYS				true
#define NEVER				false
#define IF(which, name)			caps_allow(&nested_caps, CAP_##which, which##_##name)
#define EITHER(which, name, other, its)	(IF(which, name) || IF(other, its))

u64 shadow_take(struct nested_vmcs *c)
{
	struct vmcs12 *m = c->m;
	u64 changed = 0;

#define TAKE_NOT(name, width, exists)
#define TAKE_READ(name, width, exists)
#define TAKE_WRITE(name, width, exists)					\
	if (exists) {							\
		vmcs12_##width value = (vmcs12_##width)vmcs_read(name);	\
									\
		if (value != m->name) {					\
			m->name = value;				\
			changed |= HOT(name);				\
		}							\
	}
#define FIELD(name, encoding, width, group, shadowed, exists) TAKE_##shadowed(name, width, exists)
#include "vmx/vmcs_fields.def"
#undef FIELD
	return changed;
}

void shadow_give(struct nested_vmcs *c, u64 fields)
{
	const struct vmcs12 *m = c->m;

#define GIVE_NOT(name, exists)
#define GIVE_READ(name, exists)		if (fields & HOT(name) && exists) vmcs_write(name, m->name);
#define GIVE_WRITE(name, exists)	GIVE_READ(name, exists)
#define FIELD(name, encoding, width, group, shadowed, exists) GIVE_##shadowed(name, exists)
#include "vmx/vmcs_fields.def"
#undef FIELD
}

void nested_shadow_in(struct vcpu *v, struct nested_vmcs *c)
{
	if (!nested_shadowing || c != v->nested->current)
		return;
	vmcs_use(c->shadow);
	c->changed |= shadow_take(c);
	vmcs_use(v->vmcs01);
}

static void give(struct vcpu *v, struct nested_vmcs *c, u64 fields)
{
	if (!nested_shadowing)
		return;
	vmcs_use(c->shadow);
	shadow_give(c, fields);
	vmcs_use(v->vmcs01);
}

void nested_shadow_out(struct vcpu *v, struct nested_vmcs *c)
{
	give(v, c, HOT_ALL);
}

void nested_shadow_error(struct vcpu *v, struct nested_vmcs *c, u32 error)
{
	c->m->VM_INSTR_ERROR = error;
	give(v, c, HOT(VM_INSTR_ERROR));
}
