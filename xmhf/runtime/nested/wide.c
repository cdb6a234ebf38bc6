/* SPDX-License-Identifier: BSD-2-Clause */
/* See wide.h. */
#include "nested/vmcs02.h"
#include "nested/wide.h"

#define WRITES_MANY	16u		/* VMWRITEs that exited since the last look, */
#define ENTRIES_FEW	4u		/* while L1 entered so often: perhaps it runs two L2s in turn; */
#define TIMES		3u		/* so often in a row */
#define ENTRIES		4096u		/* then it stays: that L1 writes no more can't be seen if what it wrote was the same again */

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

u32 wide_leave(struct nested_vmcs *c)
{
	struct vmcs12 *m = c->m;
	u64 news = 0;

	/* Segments are read here, the few of the other group are fetched with all that is in it. */
#define OLD_GUEST_SEG(name)
#define OLD_GUEST(name)		const vmcs12_WNAT old_##name = m->name;
#define FIELD(name, encoding, width, group, shadowed, exists) ONLY_##shadowed(OLD_##group(name))
#include "vmx/vmcs_fields.def"
#undef FIELD
	vmcs02_fetch(c, GROUP_BIT(GROUP_GUEST));
#define SAVE_GUEST_SEG(name)						\
	do {								\
		__typeof__(m->name) is = (__typeof__(is))vmcs_read(name); \
									\
		if (is != m->name) {					\
			m->name = is;					\
			news |= BIT64(WIDE_##name);			\
		}							\
	} while (0);
#define SAVE_GUEST(name)	if (m->name != old_##name) news |= BIT64(WIDE_##name);
#define FIELD(name, encoding, width, group, shadowed, exists) ONLY_##shadowed(SAVE_##group(name))
#include "vmx/vmcs_fields.def"
#undef FIELD
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

void wide_end(struct nested_vmcs *c)
{
	c->wide = false;
	c->wide_seen = 0;
	c->takes_more = shadow_takes_more(c);
	c->each_exit &= ~(u32)LEAVE_WIDE;
}

void wide_judge(struct vcpu *v, struct nested_vmcs *c)
{
	struct nested *n = v->nested;
	u64 writes = v->exits[EXIT_VMWRITE] - n->vmwrites, entries = v->exits[EXIT_VMRESUME] - n->vmresumes;
	bool many = c->dirty & GROUP_BIT(GROUP_GUEST_SEG) && writes >= WRITES_MANY && entries <= ENTRIES_FEW;

	n->vmwrites = v->exits[EXIT_VMWRITE];
	n->vmresumes = v->exits[EXIT_VMRESUME];
	c->wide_seen = many ? c->wide_seen + 1 : 0;
	if (c->wide && c->wide_left == 0) {
		wide_end(c);
		wide_let(v, c);
	} else if (nested_shadowing && !c->wide && c->wide_seen >= TIMES) {
		begin(v, c);
	}
}
