/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMCS12s that a CPU has at hand, and which of them is current. */
#include "guest/memory.h"
#include "lib/string.h"
#include "nested/bitmaps.h"
#include "nested/hot.h"
#include "nested/vmcs02.h"
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

struct nested_vmcs *nested_cache(struct vcpu *v, u64 at)
{
	struct nested_vmcs *c = nested_cached(v, at);

	if (!c) {
		c = oldest(v->nested);
		if (c->at != NO_VMCS)
			nested_write_back(v, c);
		if (!guest_read_physical((gpa1_t){ at }, c->m, sizeof(*c->m)))
			memset(c->m, 0xff, sizeof(*c->m));
		c->at = at;
		c->dirty = GROUPS_ALL;
		c->behind = 0;
		c->changed = HOT_ALL;
		c->shadow_is_old = true;
	}
	c->used = ++v->nested->clock;
	return c;
}

/* While L1 is in VMX operation VMREAD and VMWRITE may go to a shadow VMCS; with none they fail as without a current VMCS. */
static void shadowing(struct vcpu *v, const struct nested_vmcs *c)
{
	if (!nested_shadowing)
		return;
	vmcs_write(SECONDARY_CTRLS, vmx_caps.secondary | (v->nested->on ? SECONDARY_VMCS_SHADOWING : 0));
	vmcs_write(VMCS_LINK_POINTER, c ? (uptr)c->shadow : ~0ull);
}

void nested_make_current(struct vcpu *v, struct nested_vmcs *c)
{
	struct nested *n = v->nested;

	if (n->current)
		nested_shadow_in(v, n->current);
	n->current = c;
	if (c && c->shadow_is_old) {
		nested_shadow_out(v, c, HOT_ALL);
		c->shadow_is_old = false;
	}
	shadowing(v, c);
}

void nested_write_back(struct vcpu *v, struct nested_vmcs *c)
{
	struct nested *n = v->nested;

	nested_fetch(v, c, GROUPS_RARE_GUEST);
	if (c == n->current)
		nested_make_current(v, NULL);
	if (!guest_write_physical((gpa1_t){ c->at }, c->m, sizeof(*c->m))) {
		/* L1 has no memory there: what it wrote is lost */
	}
	nested_ept_put(c);
	bitmaps_forget(c);
	c->at = NO_VMCS;
	c->used = 0;
}

void nested_fetch(struct vcpu *v, struct nested_vmcs *c, u32 groups)
{
	groups &= c->behind;
	if (!groups)
		return;
	vmcs_use(c->vmcs02);
	vmcs02_fetch(c, groups);
	vmcs_use(v->vmcs01);
}
