/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT02's roots for VMCS02, and which pages of L1's hardware may use for it. */
#include "lib/ept_pool.h"
#include "lib/string.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "memory/pool.h"
#include "memory/track.h"
#include "nested/ept.h"
#include "nested/state.h"
#include "vmx/setup.h"

_Static_assert(NESTED_CACHED == EPT_POOL_ROOTS_PER_CPU, "the pool's floor has room for every root that is held");

#define WATCHES_MIN	48u		/* of L1's bitmaps: three for each VMCS12 that one CPU caches, and as many again for others */

struct ept02 ept02;
struct ept12_rules nested_ept12_rules;
static void *ones, *scratch;

volatile u32 nested_pages_moves = 1;
static bool pages_used;			/* somebody has asked for it */

u32 nested_pages_generation(void)
{
	if (!pages_used)
		__atomic_store_n(&pages_used, true, __ATOMIC_SEQ_CST);
	return nested_pages_moves;
}

/* VMCS02 has addresses of L1's pages: all CPUs have to look again, even if no EPT02 led there. */
static void follow(gpa1_t from, u64 length)
{
	struct ept02_flush owed = ept02_drop(&ept02, from, length);

	__atomic_store_n(&nested_pages_moves, MAX(1u, nested_pages_moves + 1), __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&pages_used, __ATOMIC_SEQ_CST))
		owed.ept02 = &ept02;
	ept02_flush_discharge(&owed);
}

bool nested_watch(struct watch *w, const gpa1_t *page)
{
	if (w->page ? page && page->at == w->page->at.at : !page)
		return false;
	watch_move(w, page);
	if (!page)
		return true;
	lock_take(&ept01_lock);
	ept02_keep_off(&ept02, *page);
	lock_drop(&ept01_lock);
	return true;
}

void nested_ept_init(void)
{
	u8 *memory = (u8 *)(uptr)machine.ept_pool.base;
	size_t bytes = (size_t)machine.ept_pool.length;
	u32 tables = (u32)(bytes >> PAGE_SHIFT), watches = WATCHES_MIN + tables / 4;
	size_t tracking = (size_t)round_up(track_bytes(tables + watches), PAGE_SIZE);

	ones = pool_page();
	scratch = pool_page();
	BUG_ON(!ones || !scratch);
	memset(ones, 0xff, PAGE_SIZE);
	memset(memory, 0, bytes);
	ept12_rules_init(&nested_ept12_rules, nested_caps.msr[CAP_EPT_VPID], machine.maxphyaddr);
	track_init(memory, tables + watches, watches, vmx_caps.ept_vpid);
	BUG_ON(!ept02_init(&ept02, &nested_ept02_ops, &nested_ept02_tracker, NULL, &nested_ept12_rules, vmx_caps.ept_vpid,
			   memory + tracking, bytes - tracking));
	ept01_set_follower(follow);
}

void nested_ept_put(struct nested_vmcs *c)
{
	if (!c->ept02)
		return;
	lock_take(&ept01_lock);
	ept02_put(c->ept02);
	lock_drop(&ept01_lock);
	c->ept02 = NULL;
	nested_use_eptp12(c, c->eptp12);
}

static bool get(struct nested_vmcs *c)
{
	nested_ept_put(c);
	lock_take(&ept01_lock);
	c->ept02 = ept02_get(&ept02, c->eptp12);
	lock_drop(&ept01_lock);
	return c->ept02 != NULL;
}

/* Where this CPU notes the generation of @c's root; that of a root new to it is 0. */
static u64 *seen_of(struct nested_ept_cpu *cpu, struct nested_vmcs *c)
{
	const struct ept02_table *root = c->ept02;
	u32 i = 0;

	if (cpu->seen[c->seen_at].root == root)
		return &cpu->seen[c->seen_at].generation;
	while (i < EPT_ROOTS_SEEN && cpu->seen[i].root != root)
		i++;
	if (i == EPT_ROOTS_SEEN) {
		i = cpu->next++ % EPT_ROOTS_SEEN;
		cpu->seen[i].root = root;
		cpu->seen[i].generation = 0;
	}
	c->seen_at = i;
	return &cpu->seen[i].generation;
}

/* The held root isn't recycled, so its generation may be read without the lock. */
u64 nested_ept_pointer(struct vcpu *v, struct nested_vmcs *c)
{
	u64 generation, *seen, pointer;

	if (!(secondary_controls(c->m) & SECONDARY_EPT))
		return ept_pointer(&ept01);
	if ((!c->ept02 || !ept02_is_of(c->ept02, c->eptp12)) && !get(c))
		return 0;
	pointer = ept02_pointer(c->ept02);
	generation = ept02_generation(c->ept02);
	seen = seen_of(&v->nested->ept, c);
	if (*seen != generation) {
		if (!vmx_invept(INVEPT_SINGLE, pointer))
			(void)vmx_invept(INVEPT_ALL, 0);
		*seen = generation;
	}
	return pointer;
}

static u64 usable(u64 page, enum ept_rights rights, const void *otherwise)
{
	void *place;
	bool found;

	lock_take(&ept01_lock);
	found = nested_memory((gpa1_t){ page }, rights, &place);
	lock_drop(&ept01_lock);
	return found ? page : (uptr)otherwise;
}

u64 nested_page_to_read(u64 page) { return usable(page, EPT_R, ones); }
u64 nested_page_to_write(u64 page) { return usable(page, EPT_RW, scratch); }

void nested_ept_invalidate(struct vcpu *v, enum invept_kind kind, u64 eptp12)
{
	(void)v, (void)kind, (void)eptp12;
	lock_take(&ept01_lock);
	ept02_sync(&ept02);
	lock_drop(&ept01_lock);
}
