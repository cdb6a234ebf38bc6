/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling a table of EPT02 with the neighbours of a page that L2 just touched: what it will touch next, so that it
 * needn't exit again. The loop over 4 KiB pages is what fresh memory costs; all else here is rare.
 */
#include "nested/ept02_table.h"

#define WINDOW_FIRST	8u		/* pages, a cache line of EPT12 */

/* An empty slot: CPUs see nothing until its rights are there, with 32 bits in the half that is written last. */
static ALWAYS_INLINE void slot_fill(u64 *slot, u64 value)
{
#ifdef __i386__
	volatile u32 *half = (volatile u32 *)slot;

	half[1] = (u32)(value >> 32);
	half[0] = (u32)value;
#else
	*(volatile u64 *)slot = value;
#endif
}

/* The range around @to if leaves of @t's level can map it; else an empty one. */
static NOINLINE struct ept02_range range_for_leaves(struct ept02 *e, struct ept02_table *t, u64 to)
{
	if (!ept02_find_range(e, (gpa1_t){ to }) || !ept02_range_has_leaves(e, t->level))
		return (struct ept02_range){ .size = 0 };
	t->special |= e->range.special;
	return e->range;
}

/* Empty slots of a table that shadows one of 4 KiB pages; e->range has leaves of that size. */
static ALWAYS_INLINE void fill_small(struct ept02 *e, struct ept02_table *t, u32 i, u32 end, bool accessed_dirty)
{
	struct ept02_range range = e->range;
	u64 *slots = t->entries;
	const u64 *from12 = t->from12;
	u64 *writable = e->writable;
	const u32 mask = e->writable_mask;
	u64 lowest = t->lowest, highest = t->highest;

	for (; i < end; i++) {
		u64 entry12, leaf, to;

		if (slots[i])
			continue;
		entry12 = ept12_entry_get(&from12[i]);
		leaf = ept02_leaf(&range, accessed_dirty, entry12);
		if (!leaf)
			continue;
		to = entry12 & EPT_ENTRY_ADDRESS;	/* with a reserved bit set it is in no range */
		if (__builtin_expect(to - range.from >= range.size, 0)) {
			range = range_for_leaves(e, t, to);
			if (!range.size)	/* EPT01 has nothing there, nor perhaps for the rest */
				break;
			leaf = ept02_leaf(&range, accessed_dirty, entry12);
			if (!leaf)
				continue;
		}
		slot_fill(&slots[i], leaf);
		lowest = MIN(lowest, to);
		highest = MAX(highest, to);
		ept02_note_writable(writable, mask, to);
	}
	t->lowest = lowest;
	t->highest = highest;
}

static NOINLINE void fill_small_unmarked(struct ept02 *e, struct ept02_table *t, u32 i, u32 end)
{
	fill_small(e, t, i, end, false);
}

static NOINLINE void fill_small_marked(struct ept02 *e, struct ept02_table *t, u32 i, u32 end)
{
	fill_small(e, t, i, end, true);
}

/* The same for large pages, and for pieces of one. */
static NOINLINE void fill_any(struct ept02 *e, struct ept02_table *t, u32 i, u32 end)
{
	for (; i < end; i++) {
		struct ept02_range range;
		u64 entry12, leaf, to;

		if (t->entries[i])
			continue;
		entry12 = ept02_source(t, i);
		if (t->from12 && ept12_classify(e->rules, entry12, t->level) != EPT12_LEAF)
			continue;
		to = entry12 & EPT_ENTRY_ADDRESS;
		range = range_for_leaves(e, t, to);
		leaf = range.size ? ept02_leaf(&range, t->accessed_dirty, entry12) : 0;
		if (!leaf)
			continue;
		slot_fill(&t->entries[i], leaf);
		ept02_note_leaf(e, t, leaf, to);
	}
}

static void fill(struct ept02 *e, struct ept02_table *t, u32 i, u32 end)
{
	ept02_note_filled(t, i, end);
	t->special |= e->range.special;
	if (t->level > 1 || !t->from12)
		fill_any(e, t, i, end);
	else if (t->accessed_dirty)
		fill_small_marked(e, t, i, end);
	else
		fill_small_unmarked(e, t, i, end);
}

void ept02_fill_around(struct ept02 *e, struct ept02_table *t, const struct ept02_fault *f)
{
	u64 span = ept_span(t->level), from = round_down(f->at.at, span);
	struct ept02_stream *stream = f->stream;
	u32 i = ept_index(f->at.at, t->level), first = i & ~(WINDOW_FIRST - 1), end;

	stream->window = from == stream->next && stream->window ? MIN(stream->window * 2, EPT_ENTRIES) : WINDOW_FIRST;
	end = MIN(first + stream->window, EPT_ENTRIES);
	stream->next = from + (u64)(end - i) * span;
	fill(e, t, first, end);
}
