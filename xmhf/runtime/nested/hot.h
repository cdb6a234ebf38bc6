/* SPDX-License-Identifier: BSD-2-Clause */
/* The hot fields: those that the field table calls shadowed. A set of them is a u64 with a bit for each. */
#ifndef NESTED_HOT_H
#define NESTED_HOT_H

#include "nested/state.h"

enum hot_field {
#define HOT_NOT(name)
#define HOT_READ(name)	HOT_##name,
#define HOT_WRITE(name)	HOT_##name,
#define FIELD(name, encoding, width, group, shadowed, exists) HOT_##shadowed(name)
#include "vmx/vmcs_fields.def"
#undef FIELD
#undef HOT_NOT
#undef HOT_READ
#undef HOT_WRITE
	HOT_FIELDS
};
_Static_assert(HOT_FIELDS <= 64, "a set of hot fields is a u64");

#define HOT(name)	BIT64(HOT_##name)
#define HOT_ALL		(~0ull)


/* With c->shadow current: takes over what L1 wrote there; which fields that were. */
u64 shadow_take(struct nested_vmcs *c);

/* With c->shadow current: writes @fields of m. */
void shadow_give(struct nested_vmcs *c, u64 fields);

#endif
