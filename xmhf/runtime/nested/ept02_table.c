/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT02's tables: where they hang, how they are found, and which is given up when there are none left. */
#include "lib/string.h"
#include "nested/ept02_table.h"

#define RECLAIM_MAX	32u		/* tables given up for one flush */

static const u64 ones[EPT_ENTRIES] = { [0 ... EPT_ENTRIES - 1] = ~0ull };

const u64 *ept02_page(const struct ept02 *e, gpa1_t page, u64 leaf01, bool *writable)
{
	const u64 *found = e->ops->page(e->ctx, page, leaf01, writable);

	return found ? found : ones;
}

/* ---- slots ---- */

/* Is all that @old allowed still so in @new, only more? (SDM 29.4.3.4: then CPUs need no INVEPT.) */
static bool only_gains(u64 old, u64 new)
{
	return ((old ^ new) & (EPT_ENTRY_ADDRESS | EPT_ENTRY_TYPE | EPT_ENTRY_IPAT | EPT_ENTRY_LARGE)) == 0 &&
	       (old & ~new & EPT_ENTRY_RIGHTS) == 0;
}

void ept02_slot_write(struct ept02 *e, struct ept02_table *t, u32 i, u64 value)
{
	u64 old = ept_entry_get(&t->entries[i]);

	if (old == value)
		return;
	ept02_note_filled(t, i, i + 1);
	old = ept_entry_swap(&t->entries[i], value);
	if (ept_entry_present(old) && !only_gains(old, value))
		ept02_lost(e, t);
}

static void empty_slot(struct ept02 *e, struct ept02_table *t, u32 i)
{
	u64 old = t->entries[i];

	if (ept02_is_link(t, old))
		ept02_unlink(e, ept02_table_of(e, old));
	else
		ept02_slot_write(e, t, i, 0);
}

void ept02_note_many_writable(const struct ept02 *e, u32 at, u32 count)
{
	const u32 bits = e->writable_mask + 1;

	for (count = MIN(count, bits); count > 0;) {
		u32 n = MIN(count, bits - at), head = at & 31;

		if (!head && n >= 32) {
			n &= ~31u;
			words_set(&e->writable[at / 32], n / 32);
		} else {
			n = MIN(n, 32 - head);
			e->writable[at / 32] |= ~0u >> (32 - n) << head;
		}
		at = (at + n) & e->writable_mask;
		count -= n;
	}
}

u64 ept02_install(struct ept02 *e, struct ept02_table *t, u32 i, u64 entry12)
{
	u64 leaf = ept02_leaf(&e->range, t->accessed_dirty, entry12);

	ept02_slot_write(e, t, i, leaf);
	if (leaf)
		ept02_note_leaves(e, t, t->level, leaf, entry12 & EPT_ENTRY_ADDRESS, 1);
	return leaf;
}

void ept02_clear(struct ept02 *e, struct ept02_table *t)
{
	for (u32 end, i = ept02_filled(t, 0, &end); i < EPT_ENTRIES; i = ept02_filled(t, end, &end))
		for (; i < end; i++)
			empty_slot(e, t, i);
	t->filled = 0;
	t->lowest = ~0ull;
	t->highest = 0;
	t->special = false;
}

/* ---- the ring of use ---- */

static void ring_remove(struct ept02_table *t)
{
	t->prev->next = t->next;
	t->next->prev = t->prev;
}

static void ring_insert(struct ept02_table *behind, struct ept02_table *t)
{
	t->prev = behind;
	t->next = behind->next;
	behind->next->prev = t;
	behind->next = t;
}

static void renew(struct ept02 *e, struct ept02_table *t)
{
	ring_remove(t);
	ring_insert(e->ring, t);
}

void ept02_use(struct ept02 *e, struct ept02_table *t)
{
	e->recent = t;
	renew(e, t);
}

/* ---- which tables shadow a page ---- */

static struct ept02_table **bucket(const struct ept02 *e, gpa1_t source)
{
	return &e->buckets[(u32)(source.at >> PAGE_SHIFT) * 0x9e3779b1u >> e->bucket_shift];	/* 2^32 / the golden ratio */
}

struct ept02_table *ept02_find(const struct ept02 *e, gpa1_t source, u64 round)
{
	struct ept02_table *t = *bucket(e, source);

	while (t && (t->source.at != source.at || t->round == round))
		t = t->bucket_next;
	return t;
}

/* What is remembered of EPT01 isn't so any more for @page. */
static void forget_range(struct ept02 *e, gpa1_t page)
{
	if (page.at - e->range.from < e->range.size)
		e->range.size = 0;
}

/* Leaves from before @page was tracked go, if there may be any; and nobody may hold on to them. */
void ept02_keep_off(struct ept02 *e, gpa1_t page)
{
	u32 number = (u32)(page.at >> PAGE_SHIFT) & e->writable_mask;
	u32 *word = &e->writable[number / 32], bit = 1u << (number & 31);

	forget_range(e, page);
	if (!(*word & bit))
		return;
	ept02_drop_leaves(e, page.at, page.at + PAGE_MASK);
	if (e->writable_to >> PAGE_SHIFT <= e->writable_mask)
		*word &= ~bit;
	if (e->generation != e->flushed)
		ept02_flush(e);
}

void ept02_expose(struct ept02 *e, gpa1_t source)
{
	for (struct ept02_table *t = *bucket(e, source); t; t = t->bucket_next) {
		e->exposed += t->source.at == source.at && !t->exposed;
		t->exposed |= t->source.at == source.at;
	}
	forget_range(e, source);
}

static void index_add(struct ept02 *e, struct ept02_table *t, gpa1_t source)
{
	struct ept02_table **at = bucket(e, source), *other = ept02_find(e, source, ~0ull);
	u64 leaf01 = 0;

	if (!other) {
		leaf01 = e->tracker->track(e->ctx, source);
		ept02_keep_off(e, source);
	}
	t->exposed = other && other->exposed;
	e->exposed += t->exposed;
	t->source = source;
	t->from12 = ept02_page(e, source, leaf01, &t->writable12);
	t->bucket_next = *at;
	t->bucket_at = at;
	if (*at)
		(*at)->bucket_at = &t->bucket_next;
	*at = t;
}

static void index_remove(struct ept02 *e, struct ept02_table *t)
{
	*t->bucket_at = t->bucket_next;
	if (t->bucket_next)
		t->bucket_next->bucket_at = t->bucket_at;
	e->exposed -= t->exposed;
	if (ept02_find(e, t->source, ~0ull))
		return;
	e->tracker->untrack(e->ctx, t->source);
	forget_range(e, t->source);
}

/* ---- coming and going ---- */

static void let_go(struct ept02 *e, struct ept02_table *t)
{
	for (u32 i = 0; t->children > 0; i++)
		if (ept02_is_link(t, t->entries[i])) {
			let_go(e, ept02_table_of(e, t->entries[i]));
			t->children--;
		}
	if (t->from12)
		index_remove(e, t);
	ring_remove(t);
	if (e->recent == t)
		e->recent = NULL;
	t->level = 0;
	t->next = e->limbo;
	e->limbo = t;
}

void ept02_unlink(struct ept02 *e, struct ept02_table *t)
{
	ept02_lost(e, t);
	(void)ept_entry_swap(&t->parent->entries[t->slot], 0);
	t->parent->children--;
	let_go(e, t);
}

void ept02_flush(struct ept02 *e)
{
	e->ops->flush_now(e->ctx);
	e->flushed = e->generation;
	while (e->limbo) {
		struct ept02_table *t = e->limbo;

		e->limbo = t->next;
		for (u32 end, i = ept02_filled(t, 0, &end); i < EPT_ENTRIES; i = ept02_filled(t, end, &end))
			memset(&t->entries[i], 0, (end - i) * sizeof(u64));
		ept02_table_init(t, t->entries);
		t->next = e->free;
		e->free = t;
	}
}

/* Gives up tables that weren't used for long, and have none below. */
static void reclaim(struct ept02 *e, const struct ept02_table *keep)
{
	u32 wanted = MIN(RECLAIM_MAX, MAX(1u, e->count / 16));

	for (u32 left = e->count; left > 0 && wanted > 0 && e->ring->prev != e->ring; left--) {
		struct ept02_table *oldest = e->ring->prev;

		if (oldest == keep || oldest->users > 0 || oldest->children > 0) {
			renew(e, oldest);
			continue;
		}
		if (oldest->parent)
			ept02_unlink(e, oldest);
		else
			let_go(e, oldest);
		wanted--;
	}
}

/* An empty table below @parent (NULL: a root), which survives even if that takes others. */
static struct ept02_table *table_new(struct ept02 *e, struct ept02_table *parent)
{
	struct ept02_table *t;

	if (!e->free) {
		if (!e->limbo)
			reclaim(e, parent);
		if (e->limbo)
			ept02_flush(e);
	}
	t = e->free;
	if (!t)
		return NULL;
	e->free = t->next;
	t->parent = parent;
	t->root = parent ? parent->root : t;
	t->level = parent ? (u8)(parent->level - 1) : (u8)EPT_LEVELS;
	t->accessed_dirty = parent && parent->accessed_dirty;
	ring_insert(e->ring, t);
	return t;
}

static u64 link_to(const struct ept02_table *t, u64 entry12)
{
	return (u64)(uptr)t->entries | EPT_ENTRY_ACCESSED | (entry12 & EPT_ENTRY_RIGHTS);
}

static void hang(struct ept02 *e, struct ept02_table *t, u32 i, u64 entry12)
{
	t->slot = (u16)i;
	t->made_of = entry12;
	empty_slot(e, t->parent, i);
	t->parent->children++;
	ept02_slot_write(e, t->parent, i, link_to(t, entry12));
}

void ept02_relink(struct ept02 *e, struct ept02_table *c, u64 entry12)
{
	if (c->made_of == entry12)
		return;
	c->made_of = entry12;
	ept02_slot_write(e, c->parent, c->slot, link_to(c, entry12));
}

/* The table at slot @i, if that is a link. */
static struct ept02_table *child_at(const struct ept02 *e, const struct ept02_table *t, u32 i)
{
	return ept02_is_link(t, t->entries[i]) ? ept02_table_of(e, t->entries[i]) : NULL;
}

struct ept02_table *ept02_shadow(struct ept02 *e, struct ept02_table *parent, u32 i, u64 entry12)
{
	gpa1_t source = { entry12 & EPT_ENTRY_ADDRESS };
	struct ept02_table *t = child_at(e, parent, i);

	if (t && ept02_may_stay(t, entry12)) {
		ept02_relink(e, t, entry12);
		return t;
	}
	t = table_new(e, parent);
	if (t) {
		t->led_here = &parent->from12[i];
		index_add(e, t, source);
		hang(e, t, i, entry12);
	}
	return t;
}

struct ept02_table *ept02_pieces(struct ept02 *e, struct ept02_table *parent, u32 i, u64 leaf12)
{
	struct ept02_table *t = child_at(e, parent, i);

	if (t && !t->from12 && t->made_of == leaf12)
		return t;
	t = table_new(e, parent);
	if (t)
		hang(e, t, i, leaf12);
	return t;
}

struct ept02_table *ept02_root(struct ept02 *e, gpa1_t source, bool accessed_dirty)
{
	struct ept02_table *t = *bucket(e, source);

	while (t && (t->source.at != source.at || t->parent || t->accessed_dirty != accessed_dirty))
		t = t->bucket_next;
	if (t)
		return t;
	t = table_new(e, NULL);
	if (t) {
		t->accessed_dirty = accessed_dirty;
		index_add(e, t, source);
		ept02_lost(e, t);
	}
	return t;
}
