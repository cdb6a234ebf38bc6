/* SPDX-License-Identifier: BSD-2-Clause */
/* The hot fields of VMCS12 and its shadow VMCS; all with c->shadow current. */
#ifndef NESTED_HOT_H
#define NESTED_HOT_H

#include "nested/state.h"

/* Once, when nested_map is there. */
void shadow_init(void);

/* A field of @m becomes what it @is, or what the current VMCS has; if that is new it joins the set @changed. */
#define HOT_SET(changed, m, name, is)							\
	do {										\
		__typeof__((m)->name) value_ = (__typeof__((m)->name))(is);		\
											\
		if (value_ != (m)->name) {						\
			(m)->name = value_;						\
			changed |= HOT(name);						\
		}									\
	} while (0)
#define HOT_TAKE(changed, m, name) HOT_SET(changed, m, name, vmcs_read(name))

/* Takes over what L1 wrote there, all of it or what is in use at times; which fields that were. */
u32 shadow_take_all(struct nested_vmcs *c);
u32 shadow_take_event(struct vmcs12 *m);
u32 shadow_take_more(struct nested_vmcs *c);
bool shadow_takes_more(const struct nested_vmcs *c);	/* c->takes_more, by m's controls or for wide.h */

/* Likewise what VM entry looks at. What is out of use waits for shadow_take_all. */
static inline u32 shadow_take(struct nested_vmcs *c)
{
	struct vmcs12 *m = c->m;
	u32 changed = 0;

	HOT_TAKE(changed, m, GUEST_RIP);
	HOT_TAKE(changed, m, GUEST_RSP);
	HOT_TAKE(changed, m, GUEST_RFLAGS);
	HOT_TAKE(changed, m, GUEST_INTERRUPTIBILITY);
	HOT_TAKE(changed, m, PRIMARY_CTRLS);
	HOT_TAKE(changed, m, ENTRY_INTR_INFO);
	if (intr_has_more(m->ENTRY_INTR_INFO))
		changed |= shadow_take_event(m);
	if (c->dirty | c->takes_more || changed & HOT(PRIMARY_CTRLS))
		changed |= shadow_take_more(c);
	return changed;
}

/* Writes @fields of m. Most exits change L2's place, and take away the event that was injected if there was one. */
void shadow_give_more(struct nested_vmcs *c, u32 fields);
static inline void shadow_give(struct nested_vmcs *c, u32 fields)
{
	const u32 most = HOT(GUEST_RIP) | HOT(ENTRY_INTR_INFO);

	if (fields & HOT(GUEST_RIP))
		vmcs_write(GUEST_RIP, c->m->GUEST_RIP);
	if (fields & HOT(ENTRY_INTR_INFO))
		vmcs_write(ENTRY_INTR_INFO, c->m->ENTRY_INTR_INFO);
	if (fields & ~most)
		shadow_give_more(c, fields & ~most);
}

#endif
