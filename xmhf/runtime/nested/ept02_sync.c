/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT02 when what it was made from changes: EPT12 at L1's INVEPT, EPT01 when a hypapp protects a page. Only slots that
 * differ are written.
 */
#include "nested/ept02_table.h"

#define PAGES_AT_ONCE	16u
#define SHADOWS_MAX	8u		/* of one page that are compared: more are L1's mischief, and dropped */
#define EXPOSED_MAX	32u		/* likewise, of tables that L2 can write to */
#define GROUP		8u

/* What of EPT12's entry a leaf or a table of pieces was made from. */
#define LEAF_MEANING	(EPT_ENTRY_ADDRESS | EPT_ENTRY_RIGHTS | EPT_ENTRY_TYPE | EPT_ENTRY_IPAT)
#define MEANING		(LEAF_MEANING | EPT_ENTRY_LARGE)

static bool is_made_of(const struct ept02_table *c, u64 entry12)
{
	return ((c->made_of ^ entry12) & (MEANING | (c->accessed_dirty ? EPT_ENTRY_MARKS : 0))) == 0;
}

static void sync_link(struct ept02 *e, struct ept02_table *c, u64 entry12)
{
	bool stays = ept02_may_stay(c, entry12) && ept12_classify(e->rules, entry12, c->level + 1u) == EPT12_TABLE &&
		     (!c->accessed_dirty || (entry12 & EPT_ENTRY_ACCESSED));

	if (stays)
		ept02_relink(e, c, entry12);
	else if (c->from12 || !is_made_of(c, entry12))
		ept02_unlink(e, c);
}

/* Are @t's leaves those of EPT12, wherever they have the same bits? See group_is_same. */
static bool can_compare(const struct ept02_table *t)
{
	return t->level == 1 && !t->special;
}

static u64 leaf_now(struct ept02 *e, const struct ept02_table *t, u64 entry12)
{
	gpa1_t to = { entry12 & EPT_ENTRY_ADDRESS };

	if (ept12_classify(e->rules, entry12, t->level) != EPT12_LEAF || !ept02_find_range(e, to) ||
	    !ept02_range_has_leaves(e, t->level))
		return 0;
	return ept02_leaf(&e->range, t->level, t->accessed_dirty, entry12);
}

static void sync_slot(struct ept02 *e, struct ept02_table *t, u32 i)
{
	u64 slot = ept_entry_get(&t->entries[i]), entry12, leaf;

	if (!slot)
		return;
	entry12 = ept12_entry_get(&t->from12[i]);
	if (ept02_is_link(slot)) {
		sync_link(e, ept02_table_of(e, slot), entry12);
		return;
	}
	if (((slot ^ entry12) & LEAF_MEANING) == 0 && can_compare(t) && !t->accessed_dirty)
		return;
	leaf = leaf_now(e, t, entry12);
	ept02_slot_write(e, t, i, leaf);
	if (leaf)
		ept02_note_leaf(e, t, leaf, entry12 & EPT_ENTRY_ADDRESS);
}

/*
 * Are a few leaves just what EPT12 says, in the bits of @meaning? True only if none of them needs a look: where EPT01
 * maps pages to themselves and takes nothing away, all but those that changed. It holds for other leaves too, since
 * who went through EPT01 once comes out the same a second time; not for redirected ones.
 */
static inline bool group_is_same(const u64 *s, const u64 *e12, u64 meaning)
{
	u64 differs = (s[0] ^ e12[0]) | (s[1] ^ e12[1]) | (s[2] ^ e12[2]) | (s[3] ^ e12[3]) |
		      (s[4] ^ e12[4]) | (s[5] ^ e12[5]) | (s[6] ^ e12[6]) | (s[7] ^ e12[7]);

	return (differs & meaning) == 0;
}

/* With A/D: A is set in each leaf, and W only where D is, eight bits above it. */
static bool marked_group_is_same(const u64 *s, const u64 *e12)
{
	u64 differs = 0;

	for (u32 i = 0; i < GROUP; i++)
		differs |= s[i] ^ (e12[i] & (e12[i] >> 8 | ~(u64)EPT_W));
	return (differs & (LEAF_MEANING | EPT_ENTRY_ACCESSED)) == 0;
}

/* The first group from @i on that needs a look. */
static __attribute__((noinline)) u32 next_group(const u64 *s, const u64 *e12, u32 i)
{
	while (i < EPT_ENTRIES && group_is_same(s + i, e12 + i, LEAF_MEANING))
		i += GROUP;
	return i;
}

/* All that are dirty pass by the first comparison. */
static __attribute__((noinline)) u32 next_marked_group(const u64 *s, const u64 *e12, u32 i)
{
	while (i < EPT_ENTRIES && (group_is_same(s + i, e12 + i, LEAF_MEANING | EPT_ENTRY_MARKS) ||
				   marked_group_is_same(s + i, e12 + i)))
		i += GROUP;
	return i;
}

static u32 next_difference(const struct ept02_table *t, u32 i)
{
	if (!can_compare(t))
		return i;
	return t->accessed_dirty ? next_marked_group(t->entries, t->from12, i) : next_group(t->entries, t->from12, i);
}

static void sync_table(struct ept02 *e, struct ept02_table *t)
{
	for (u32 i = next_difference(t, 0); i < EPT_ENTRIES; i = next_difference(t, i + GROUP))
		for (u32 n = 0; n < GROUP; n++)
			sync_slot(e, t, i + n);
}

static void drop_table(struct ept02 *e, struct ept02_table *t)
{
	if (t->parent)
		ept02_unlink(e, t);
	else
		ept02_clear(e, t);
}

static void sync_page(struct ept02 *e, gpa1_t page)
{
	struct ept02_table *t;

	for (u32 n = 0; (t = ept02_find(e, page, e->round)) != NULL; n++) {
		t->round = e->round;
		if (n < SHADOWS_MAX)
			sync_table(e, t);
		else
			drop_table(e, t);
	}
}

static void sync_exposed(struct ept02 *e)
{
	u32 n = 0;

	for (u32 i = 0; i < e->count; i++) {
		struct ept02_table *t = &e->tables[i];

		if (!t->level || !t->exposed)
			continue;
		if (n++ < EXPOSED_MAX)
			sync_table(e, t);
		else
			drop_table(e, t);
	}
}

void ept02_sync(struct ept02 *e)
{
	gpa1_t pages[PAGES_AT_ONCE];
	u32 given;

	do {
		given = e->tracker->take_changed(e->ctx, pages, PAGES_AT_ONCE);
		e->round++;
		for (u32 i = 0; i < given; i++)
			sync_page(e, pages[i]);
	} while (given == PAGES_AT_ONCE);
	if (e->exposed)
		sync_exposed(e);
}

/* ---- EPT01 ---- */

static void drop_from(struct ept02 *e, struct ept02_table *t, u64 from, u64 last)
{
	u64 span = ept_span(t->level);

	for (u32 i = 0; i < EPT_ENTRIES; i++) {
		u64 slot = ept_entry_get(&t->entries[i]);
		u64 to = slot & EPT_ENTRY_ADDRESS;	/* L1's address too, unless redirected */
		bool hit = (slot & EPT_ENTRY_SPECIAL) || (to <= last && to + span - 1 >= from);

		if (slot && !ept02_is_link(slot) && hit)
			ept02_slot_write(e, t, i, 0);
	}
}

void ept02_drop_leaves(struct ept02 *e, u64 from, u64 last)
{
	for (u32 i = 0; i < e->count; i++) {
		struct ept02_table *t = &e->tables[i];

		if (t->level && t->lowest <= last && t->highest + (ept_span(t->level) - 1) >= from)
			drop_from(e, t, from, last);
	}
}

struct ept02_flush ept02_drop(struct ept02 *e, gpa1_t from, u64 length)
{
	u64 last = from.at + length - 1;

	e->range.size = 0;
	for (u32 i = 0; i < e->count; i++) {
		struct ept02_table *t = &e->tables[i];

		if (t->level && t->from12 && t->source.at <= last && t->source.at + PAGE_MASK >= from.at) {
			ept02_clear(e, t);
			t->from12 = ept02_page(e, t->source);
		}
	}
	ept02_drop_leaves(e, from.at, last);
	return (struct ept02_flush){ e->generation == e->flushed ? NULL : e };
}

void ept02_flush_discharge(struct ept02_flush *owed)
{
	if (owed->ept02)
		ept02_flush(owed->ept02);
	owed->ept02 = NULL;
}
