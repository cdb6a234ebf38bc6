/* SPDX-License-Identifier: BSD-2-Clause */
/* See wide.h. */
#include "nested/vmcs02.h"
#include "nested/wide.h"

#define WRITES_MANY	16u		/* VMWRITEs that exited, from one entry to the next, */
#define ENTRIES_TO_SEE	3u		/* so often in a row */
#define ENTRIES		4096u		/* then it stays; a write without an exit can't be seen to have stopped */

/* FIELD() of a table of the wide ones alone. */
#define ONLY_NOT(...)
#define ONLY_READ(...)
#define ONLY_WRITE(...)
#define ONLY_WIDE(...)	__VA_ARGS__

enum wide_field {
#define FIELD(name, encoding, width, group, shadowed, exists) ONLY_##shadowed(WIDE_##name,)
#include "vmx/vmcs_fields.def"
#undef FIELD
	WIDE_FIELDS
};
_Static_assert(WIDE_FIELDS <= 64, "a set of wide fields is a u64");

void wide_let(struct vcpu *v, const struct nested_vmcs *c)
{
	bool wide = c && c->wide;

	if (v->nested->wide01 == wide)
		return;
	v->nested->wide01 = wide;
	vmcs_write(VMREAD_BITMAP, (uptr)nested_vmread_bitmap[wide]);
	vmcs_write(VMWRITE_BITMAP, (uptr)nested_vmwrite_bitmap[wide]);
}

u32 wide_take(struct nested_vmcs *c)
{
	struct vmcs12 *m = c->m;
	u32 changed = 0;

#define TAKE(name, group)						\
	do {								\
		__typeof__(m->name) is = (__typeof__(is))vmcs_read(name); \
									\
		if (is != m->name) {					\
			m->name = is;					\
			c->dirty |= GROUP_BIT(GROUP_##group);		\
		}							\
	} while (0);
#define FIELD(name, encoding, width, group, shadowed, exists) ONLY_##shadowed(TAKE(name, group))
#include "vmx/vmcs_fields.def"
#undef FIELD
	HOT_TAKE(changed, m, GUEST_CR3);
	return changed;
}

u32 wide_enter(struct nested_vmcs *c)
{
	if (c->wide_left == 0)
		c->dirty |= GROUP_BIT(GROUP_HOST);	/* so that it is judged */
	else
		c->wide_left--;
	return wide_take(c);
}

/* What VMCS02 has of a field that exits save. */
static u64 saved(const struct nested_vmcs *c, enum vmcs_field field)
{
	if (field == GUEST_CR0)
		return vmcs02_guest_cr0(c);
	if (field == GUEST_DR7 && !(c->m->EXIT_CTRLS & EXIT_SAVE_DEBUG))
		return c->m->GUEST_DR7;
	return vmcs_read(field);
}

u32 wide_leave(struct nested_vmcs *c)
{
	struct vmcs12 *m = c->m;
	u64 news = 0;

#define SAVE(name)							\
	do {								\
		__typeof__(m->name) is = (__typeof__(is))saved(c, name); \
									\
		if (is != m->name) {					\
			m->name = is;					\
			news |= BIT64(WIDE_##name);			\
		}							\
	} while (0);
#define FIELD(name, encoding, width, group, shadowed, exists) ONLY_##shadowed(SAVE(name))
#include "vmx/vmcs_fields.def"
#undef FIELD
	vmcs02_fetch(c, GROUP_BIT(GROUP_GUEST));
	c->behind = 0;
	c->wide_news |= news;
	return news ? HOT(GUEST_CR3) : 0;	/* any that isn't of the most frequent ones: shadow_give() */
}

void wide_give(struct nested_vmcs *c)
{
	const struct vmcs12 *m = c->m;
	u64 news = c->wide_news;

	c->wide_news = 0;
#define GIVE(name) if (news & BIT64(WIDE_##name)) vmcs_write(name, m->name);
#define FIELD(name, encoding, width, group, shadowed, exists) ONLY_##shadowed(GIVE(name))
#include "vmx/vmcs_fields.def"
#undef FIELD
}

static void begin(struct vcpu *v, struct nested_vmcs *c)
{
	nested_fetch(v, c, GROUPS_RARE_GUEST);
	c->wide = c->takes_more = true;
	c->each_exit |= LEAVE_WIDE;
	c->wide_left = ENTRIES;
	c->wide_news = ~0ull;
	nested_shadow_out(v, c, HOT(GUEST_CR3));
	wide_let(v, c);
}

static void end(struct vcpu *v, struct nested_vmcs *c)
{
	c->wide = false;
	c->takes_more = shadow_takes_more(c);
	c->each_exit &= ~(u32)LEAVE_WIDE;
	wide_let(v, c);
}

void wide_judge(struct vcpu *v, struct nested_vmcs *c)
{
	struct nested *n = v->nested;
	u64 writes = v->exits[EXIT_VMWRITE] - n->vmwrites;
	bool many = nested_shadowing && c->m->launched && c->dirty & GROUP_BIT(GROUP_GUEST_SEG) && writes >= WRITES_MANY;

	n->vmwrites = v->exits[EXIT_VMWRITE];
	c->wide_seen = many ? c->wide_seen + 1 : 0;
	if (c->wide && c->wide_left == 0)
		end(v, c);
	else if (!c->wide && c->wide_seen >= ENTRIES_TO_SEE)
		begin(v, c);
}
