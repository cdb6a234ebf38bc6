/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT02 when what it was made from changes: EPT12 at L1's INVEPT, EPT01 when a hypapp protects a page. Only slots that
 * differ are written.
 */
#include "lib/words.h"
#include "nested/ept02_table.h"

#define PAGES_AT_ONCE	16u
#define SHADOWS_MAX	8u		/* of one page that are compared: more are L1's mischief, and dropped */
#define EXPOSED_MAX	32u		/* likewise, of tables that L2 can write to */

/* What of EPT12's entry a table of pieces was made from. */
#define MEANING		(EPT_ENTRY_ADDRESS | EPT_ENTRY_RIGHTS | EPT_ENTRY_TYPE | EPT_ENTRY_IPAT | EPT_ENTRY_LARGE)

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

static bool has_leaf(struct ept02 *e, const struct ept02_table *t, u64 entry12)
{
	return ept12_classify(e->rules, entry12, t->level) == EPT12_LEAF &&
	       ept02_find_range(e, (gpa1_t){ entry12 & EPT_ENTRY_ADDRESS }) && ept02_range_has_leaves(e, t->level);
}

static void sync_slot(struct ept02 *e, struct ept02_table *t, u32 i)
{
	u64 slot = ept_entry_get(&t->entries[i]), entry12;

	if (!slot)
		return;
	entry12 = ept12_entry_get(&t->from12[i]);
	if (ept02_is_link(t, slot))
		sync_link(e, ept02_table_of(e, slot), entry12);
	else if (has_leaf(e, t, entry12))
		(void)ept02_install(e, t, i, entry12);
	else
		ept02_slot_write(e, t, i, 0);
}

/* How many slots in a row are bit for bit what EPT12 has, of @count > 0. */
static u32 count_same(const u64 *slots, const u64 *from12, u32 count)
{
	return (u32)(words_same(slots, from12, count * (sizeof(u64) / sizeof(uptr))) * sizeof(uptr) / sizeof(u64));
}

static bool is_settled(const struct ept02_table *t, u32 i)
{
	u64 slot = t->entries[i], entry12 = ept12_entry_get(&t->from12[i]);

	if (!slot || slot == entry12)
		return true;
	return t->accessed_dirty && (slot & EPT_R) && slot == ept02_marked(entry12);	/* W without R is a misconfiguration */
}

/*
 * The first slot from @i on that needs a look. Where EPT01 maps pages to themselves and takes nothing away, those are
 * all that changed. A leaf that EPT01 made another of needs none either if EPT12 has just that now, since
 * who went through EPT01 once comes out the same a second time; but redirected ones do.
 */
static u32 next_difference(const struct ept02_table *t, u32 i, u32 end)
{
	if (t->level > 1 || t->special)
		return i;
	while (i < end) {
		u32 stop;

		i += count_same(t->entries + i, t->from12 + i, end - i);
		stop = MIN(end, (i | (EPT02_GROUP - 1)) + 1);
		while (i < stop && is_settled(t, i))
			i++;
		if (i < stop)
			break;
	}
	return i;
}

static void sync_table(struct ept02 *e, struct ept02_table *t)
{
	for (u32 end, i = ept02_filled(t, 0, &end); i < EPT_ENTRIES; i = ept02_filled(t, end, &end))
		while ((i = next_difference(t, i, end)) < end)
			sync_slot(e, t, i++);
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
		bool hit = t->special || (to <= last && to + span - 1 >= from);

		if (slot && !ept02_is_link(t, slot) && hit)
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
			t->from12 = ept02_page(e, t->source, 0, &t->writable12);
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
