/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling a table of EPT02 with the neighbours of a page that L2 just touched: what it will touch next, so that it
 * needn't exit again. Most tables of EPT12 map runs, each entry the one before with the next page: a page of a run costs
 * no more than to see that it is one.
 */
#include "nested/ept02_table.h"

#define WINDOW_FIRST	16u		/* entries, two cache lines of EPT12 */

/* The leaf for @entry12, which @t at @level shadows, within e->range from now on; 0: none. */
static ALWAYS_INLINE u64 leaf_of(struct ept02 *e, const struct ept02_table *t, u32 level, u64 entry12)
{
	if (t->from12 && ept12_classify(e->rules, entry12, level) != EPT12_LEAF)
		return 0;
	if (!ept02_find_range(e, (gpa1_t){ entry12 & EPT_ENTRY_ADDRESS }))
		return 0;
	if (level > 1 && !ept02_range_has_leaves(e, level))
		return 0;
	return ept02_leaf(&e->range, t->accessed_dirty, entry12);
}

/* ---- 4 KiB pages ---- */

/* The slot that e->range reaches to from @i, which shadows @entry12. */
static ALWAYS_INLINE u32 reach(const struct ept02 *e, u32 i, u32 end, u64 entry12)
{
	u64 left = e->range.from + e->range.size - (entry12 & EPT_ENTRY_ADDRESS);

	return MIN(end, i + (u32)(left >> PAGE_SHIFT));
}

/*
 * The run that begins at slot @i with @entry12, of which EPT02 makes @leaf: fills its empty slots before @end. Returns
 * where it ends.
 */
static ALWAYS_INLINE u32 fill_run(struct ept02_table *t, u32 i, u32 end, u64 entry12, u64 leaf)
{
	const u64 *from12 = t->from12;
	u64 *slots = t->entries;

	do {
		if (!slots[i])
			ept02_slot_fill(&slots[i], leaf);
		entry12 += PAGE_SIZE;
		leaf += PAGE_SIZE;
	} while (++i < end && ept12_entry_get(&from12[i]) == entry12);
	return i;
}

static void fill_runs(struct ept02 *e, struct ept02_table *t, u32 i, u32 end)
{
	while (i < end) {
		u64 entry12 = ept12_entry_get(&t->from12[i]), leaf = t->entries[i] ? 0 : leaf_of(e, t, 1, entry12);
		u32 from = i++;

		if (!leaf)
			continue;
		i = fill_run(t, from, reach(e, from, end, entry12), entry12, leaf);
		ept02_note_leaves(e, t, 1, leaf, entry12 & EPT_ENTRY_ADDRESS, i - from);
	}
}

/* ---- large pages, and pieces of one ---- */

static ALWAYS_INLINE void fill_each(struct ept02 *e, struct ept02_table *t, u32 level, u32 i, u32 end)
{
	u64 lowest = t->lowest, highest = t->highest;

	for (; i < end; i++) {
		u64 entry12 = ept02_source(t, i), to = entry12 & EPT_ENTRY_ADDRESS;
		u64 leaf = t->entries[i] ? 0 : leaf_of(e, t, level, entry12);

		if (!leaf)
			continue;
		ept02_slot_fill(&t->entries[i], leaf);
		lowest = MIN(lowest, to);
		highest = MAX(highest, to);
		t->special |= e->range.special;
		if (leaf & EPT_W)
			ept02_note_writable(e, level, to, 1);
	}
	t->lowest = lowest;
	t->highest = highest;
}

/* ---- the window ---- */

void ept02_fill_around(struct ept02 *e, struct ept02_table *t, const struct ept02_fault *f)
{
	u64 span = ept_span(t->level), from = round_down(f->at.at, span);
	struct ept02_stream *stream = f->stream;
	u32 i = ept_index(f->at.at, t->level), first = i & ~(WINDOW_FIRST - 1), end;

	stream->window = from == stream->next && stream->window ? MIN(stream->window * 2, EPT_ENTRIES) : WINDOW_FIRST;
	end = MIN(first + stream->window, EPT_ENTRIES);
	stream->next = from + (u64)(end - i) * span;
	ept02_note_filled(t, first, end);
	if (t->level == 1 && t->from12)
		fill_runs(e, t, first, end);
	else if (t->level == 2)
		fill_each(e, t, 2, first, end);
	else
		fill_each(e, t, t->level, first, end);
}
