/* SPDX-License-Identifier: BSD-2-Clause */
/* See bitmaps.h. Where L1 has no memory its bitmaps are all ones; ours are where L2 can write to them: l1_wants.c looks then. */
#include "guest/policy.h"
#include "lib/string.h"
#include "nested/bitmaps.h"
#include "nested/msr_bitmap.h"

static bool in_use(const struct vmcs12 *m, u32 which)
{
	return m->PRIMARY_CTRLS & (which == BITMAP_MSRS ? PRIMARY_MSR_BITMAPS : PRIMARY_IO_BITMAPS);
}

static u64 place(const struct vmcs12 *m, u32 which)
{
	return which == BITMAP_MSRS ? m->MSR_BITMAP : which == BITMAP_IO_A ? m->IO_BITMAP_A : m->IO_BITMAP_B;
}

static const u8 *readable(u64 page) { return (const u8 *)(uptr)nested_page_to_read(page); }

static void merge(struct nested_vmcs *c, u32 which)
{
	u8 *to = which == BITMAP_MSRS ? c->msr_bitmap : c->io_bitmaps + (which - BITMAP_IO_A) * PAGE_SIZE;
	const u8 *ours = which == BITMAP_MSRS ? policy_msr_bitmap : policy_io_bitmap + (which - BITMAP_IO_A) * PAGE_SIZE;

	if (in_use(c->m, which) && !watch_is_blind(&c->watches[which]))
		bitmap_merge(to, c->l1_bitmaps[which], ours);
	else
		memset(to, 0xff, PAGE_SIZE);
}

/* Where the mark of a watched page is; of one that nothing tells of, a mark that is set always. */
static const u64 *mark(const struct watch *w, bool used)
{
	static const u64 none, always = ~0ull;

	if (!used)
		return &none;
	return w->page && w->page->leaf ? w->page->leaf : &always;
}

void bitmaps_look(struct nested_vmcs *c)
{
	c->track_changes = __atomic_load_n(&track_changes, __ATOMIC_ACQUIRE);
	for (u32 i = 0; i < NESTED_BITMAPS; i++) {
		if (in_use(c->m, i) && watch_changed(&c->watches[i]))
			merge(c, i);
		c->marks[i] = mark(&c->watches[i], in_use(c->m, i));
	}
}

bool bitmaps_choose(struct nested_vmcs *c)
{
	bool another = false;

	for (u32 i = 0; i < NESTED_BITMAPS; i++) {
		gpa1_t page = { place(c->m, i) };

		another |= in_use(c->m, i) != (c->l1_bitmaps[i] != NULL);		/* there may be no watch left to tell */
		another |= nested_watch(&c->watches[i], in_use(c->m, i) ? &page : NULL);
	}
	return another;
}

void bitmaps_merge(struct nested_vmcs *c)
{
	c->track_changes = __atomic_load_n(&track_changes, __ATOMIC_ACQUIRE);
	for (u32 i = 0; i < NESTED_BITMAPS; i++) {
		(void)watch_changed(&c->watches[i]);
		c->marks[i] = mark(&c->watches[i], in_use(c->m, i));
		c->l1_bitmaps[i] = in_use(c->m, i) ? readable(place(c->m, i)) : NULL;
		merge(c, i);
	}
}

/* What it watched may be anybody's afterwards. */
void bitmaps_forget(struct nested_vmcs *c)
{
	c->pages_seen = 0;
	for (u32 i = 0; i < NESTED_BITMAPS; i++)
		(void)nested_watch(&c->watches[i], NULL);
}
