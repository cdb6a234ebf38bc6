/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMCS12s that a CPU has at hand, and which of them is current. */
#include "guest/memory.h"
#include "lib/string.h"
#include "nested/bitmaps.h"
#include "nested/hot.h"
#include "nested/vmcs02.h"
#include "nested/wide.h"
#include "vmx/setup.h"

struct nested_vmcs *nested_cached(struct vcpu *v, u64 at)
{
	struct nested *n = v->nested;

	for (u32 i = 0; i < NESTED_CACHED; i++)
		if (n->cached[i].at == at)
			return &n->cached[i];
	return NULL;
}

static struct nested_vmcs *oldest(struct nested *n)
{
	struct nested_vmcs *c = NULL;

	for (u32 i = 0; i < NESTED_CACHED; i++)
		if (&n->cached[i] != n->current && (!c || n->cached[i].used < c->used))
			c = &n->cached[i];
	return c;
}

static void forget(struct nested_vmcs *c)
{
	nested_ept_put(c);
	bitmaps_forget(c);
	c->at = c->cleared = NO_VMCS;
	c->used = 0;
}

/* False: L1 has no memory there, what it wrote is lost. */
static bool write_back(struct vcpu *v, struct nested_vmcs *c)
{
	nested_fetch(v, c, GROUPS_RARE_GUEST);
	if (c == v->nested->current)
		nested_make_current(v, NULL);
	return guest_write_physical((gpa1_t){ c->at }, c->m, sizeof(*c->m));
}

static void put_away(struct vcpu *v, struct nested_vmcs *c)
{
	if (c->at != NO_VMCS && !write_back(v, c)) {
		/* lost */
	}
	forget(c);
}

void nested_write_all_back(struct vcpu *v)
{
	for (u32 i = 0; i < NESTED_CACHED; i++)
		put_away(v, &v->nested->cached[i]);
}

void nested_clear(struct vcpu *v, struct nested_vmcs *c)
{
	c->m->launched = 0;
	if (write_back(v, c)) {
		wide_end(c);
		c->cleared = c->at;
		c->at = NO_VMCS;
	} else {
		forget(c);
	}
}

_Static_assert(sizeof(struct vmcs12) % sizeof(uptr) == 0, "guest_equals_physical takes whole words");

/* One that was cleared, VMCS02 and all, unless somebody wrote to its page since. */
static struct nested_vmcs *recall(struct nested *n, u64 at)
{
	for (u32 i = 0; i < NESTED_CACHED; i++)
		if (n->cached[i].cleared == at && guest_equals_physical((gpa1_t){ at }, n->cached[i].m, sizeof(*n->cached[i].m)))
			return &n->cached[i];
	return NULL;
}

struct nested_vmcs *nested_cache(struct vcpu *v, u64 at)
{
	struct nested_vmcs *c = nested_cached(v, at);

	if (!c)
		c = recall(v->nested, at);
	if (!c) {
		c = oldest(v->nested);
		put_away(v, c);
		if (!guest_read_physical((gpa1_t){ at }, c->m, sizeof(*c->m)))
			memset(c->m, 0xff, sizeof(*c->m));
		c->dirty = GROUPS_ALL;
		c->behind = 0;
		c->changed = HOT_ALL;
		c->shadow_is_old = true;
		wide_end(c);
	}
	c->at = at;
	c->cleared = NO_VMCS;
	c->used = ++v->nested->clock;
	return c;
}

/* VMREAD and VMWRITE may go to a shadow VMCS; with none they fail as without a current VMCS. */
void nested_make_current(struct vcpu *v, struct nested_vmcs *c)
{
	struct nested *n = v->nested;

	if (n->current == c)
		return;
	if (n->current)
		nested_shadow_in(v, n->current);
	n->current = c;
	if (c && c->shadow_is_old) {
		nested_shadow_out(v, c, HOT_ALL);
		c->shadow_is_old = false;
	}
	if (!nested_shadowing)
		return;
	vmcs_write(VMCS_LINK_POINTER, c ? c->shadow : ~0ull);
	wide_let(v, c);
}

void nested_fetch(struct vcpu *v, struct nested_vmcs *c, u32 groups)
{
	groups &= c->behind;
	if (!groups)
		return;
	vmcs_use(&c->vmcs02);
	vmcs02_fetch(c, groups);
	vmcs_use(&v->vmcs01);
}
