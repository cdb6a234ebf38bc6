/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside EPT02: its tables. Each hangs at one slot of one parent, so a table goes with what is below it; which
 * ones shadow a page of L1's is found by hash. A table that was let go lies in limbo until flush_now has returned.
 */
#ifndef NESTED_EPT02_TABLE_H
#define NESTED_EPT02_TABLE_H

#include "lib/words.h"
#include "nested/ept02.h"

struct ept02_table {
	u64 *entries;			/* at @level */
	const u64 *from12;		/* the table of EPT12 that this shadows; NULL: pieces of a large page */
	const u64 *led_here;		/* the entry of EPT12 that led here; roots, pieces: NULL */
	u64 made_of;			/* what that was; pieces: the leaf */
	gpa1_t source;			/* from12's address */
	struct ept02_table *root, *parent;
	struct ept02_table *next, *prev;	/* in the ring of use; in free and limbo next alone */
	struct ept02_table *bucket_next, **bucket_at;
	u64 lowest, highest;		/* pages of L1's that the leaves lead to lie between */
	u64 generation;			/* of a root */
	u32 users;			/* of a root */
	u64 round;			/* of ept02_sync, when it was done */
	u32 filled;			/* a bit for each EPT02_GROUP of slots: 0 where all are empty */
	u16 slot;			/* in the parent */
	u16 children;
	u8 level;			/* 0: not in use */
	bool accessed_dirty;
	bool special;			/* leaves may lead to pages that EPT01 redirects */
	bool exposed;			/* L2 may write to source */
	bool writable12;		/* EPT01 lets L1 write to from12 */
};

_Static_assert(EPT_ENTRIES * 8 == PAGE_SIZE, "a table is a page");

/* One that isn't in use, with these (empty) entries. */
static inline void ept02_table_init(struct ept02_table *t, u64 *entries)
{
	*t = (struct ept02_table){ .entries = entries, .lowest = ~0ull };
}

#define EPT02_GROUP	(EPT_ENTRIES / 32)

/*
 * Slot @slot of @t leads to a table; the others are empty or leaves. A leaf is the entry of EPT12 as it stands, L1's ignored
 * bits too, where EPT01 maps pages to themselves and takes nothing away.
 */
static inline bool ept02_is_link(const struct ept02_table *t, u64 slot)
{
	return t->level > 1 && slot != 0 && !(slot & EPT_ENTRY_LARGE);
}

/* The slots from @i on that are in a group with anything in it, up to *@end; EPT_ENTRIES: no more. @i begins a group. */
static inline u32 ept02_filled(const struct ept02_table *t, u32 i, u32 *end)
{
	u32 left = i < EPT_ENTRIES ? t->filled >> i / EPT02_GROUP : 0, hole;

	if (!left)
		return EPT_ENTRIES;
	i += (u32)__builtin_ctz(left) * EPT02_GROUP;
	hole = ~(t->filled >> i / EPT02_GROUP);
	*end = i + (hole ? (u32)__builtin_ctz(hole) : 32u) * EPT02_GROUP;
	return i;
}

/* Something may come into the slots from @i up to @end. */
static inline void ept02_note_filled(struct ept02_table *t, u32 i, u32 end)
{
	t->filled |= (2u << (end - 1) / EPT02_GROUP) - (1u << i / EPT02_GROUP);
}

static inline struct ept02_table *ept02_table_of(const struct ept02 *e, u64 slot)
{
	return &e->tables[((slot & EPT_ENTRY_ADDRESS) - (u64)(uptr)e->tables[0].entries) >> PAGE_SHIFT];
}

/*
 * An entry of L1's, read once as a whole. With 32 bits that takes two loads: the low half is read again, and when
 * it is the same the high one belongs to it.
 */
static inline u64 ept12_entry_get(const u64 *entry)
{
#ifdef __i386__
	const volatile u32 *half = (const volatile u32 *)entry;
	u32 low, high;

	do {
		low = half[0];
		high = half[1];
	} while (low != half[0]);
	return (u64)high << 32 | low;
#else
	return *(const volatile u64 *)entry;
#endif
}

/* The entry of EPT12 that @t's slot @i shadows. */
static inline u64 ept02_source(const struct ept02_table *t, u32 i)
{
	if (t->from12)
		return ept12_entry_get(&t->from12[i]);
	return t->made_of + i * ept_span(t->level);	/* in one of 4 KiB "large" is ignored */
}

/* L1's page, or one of ones. @leaf01 is EPT01's leaf for it, 0: not known. */
const u64 *ept02_page(const struct ept02 *e, gpa1_t page, u64 leaf01, bool *writable);

/* Translations of this root were lost: what CPUs hold is out of date. */
static inline void ept02_lost(struct ept02 *e, struct ept02_table *t) { t->root->generation = ++e->generation; }

/* Writes a slot that may be in use, and isn't a link that goes away. */
void ept02_slot_write(struct ept02 *e, struct ept02_table *t, u32 i, u64 value);

/* The table that is or comes to be at slot @i, whatever was there before. NULL: no pages. */
struct ept02_table *ept02_shadow(struct ept02 *e, struct ept02_table *parent, u32 i, u64 entry12);
struct ept02_table *ept02_pieces(struct ept02 *e, struct ept02_table *parent, u32 i, u64 leaf12);
struct ept02_table *ept02_root(struct ept02 *e, gpa1_t source, bool accessed_dirty);

/*
 * Has the entry that @c, a shadow, was made of become @entry12 in a way that @c can stay? New rights for all below
 * may not meet leaves that are out of date: no CPU would join the two, so @c goes.
 */
static inline bool ept02_may_stay(const struct ept02_table *c, u64 entry12)
{
	return c->from12 && c->source.at == (entry12 & EPT_ENTRY_ADDRESS) && !(entry12 & ~c->made_of & EPT_ENTRY_RIGHTS);
}

/* Then it is made of that now. */
void ept02_relink(struct ept02 *e, struct ept02_table *c, u64 entry12);

/* Takes a table that isn't a root, and all below it, out of the tree. */
void ept02_unlink(struct ept02 *e, struct ept02_table *t);

/* Empties every slot. */
void ept02_clear(struct ept02 *e, struct ept02_table *t);

/* @t was used now, for @at. */
void ept02_use(struct ept02 *e, struct ept02_table *t);
static inline void ept02_touch(struct ept02 *e, struct ept02_table *t, gpa2_t at)
{
	e->recent_at = at;
	if (t != e->recent)
		ept02_use(e, t);
}

/* The first table that shadows a page, other than those done in @round (~0: any); NULL: none. */
struct ept02_table *ept02_find(const struct ept02 *e, gpa1_t source, u64 round);

/* L2 is about to get a translation by which it can write to this tracked page: from now on it counts as changed always. */
void ept02_expose(struct ept02 *e, gpa1_t source);

/* Drops what leads to [@from, @last]; flushes nothing. */
void ept02_drop_leaves(struct ept02 *e, u64 from, u64 last);

/* Flushes; tables in limbo become free. */
void ept02_flush(struct ept02 *e);

/* Fills empty slots of @t near that of f->at, whose range e->range is, if EPT12 has leaves for them. */
void ept02_fill_around(struct ept02 *e, struct ept02_table *t, const struct ept02_fault *f);

/* Makes e->range that of @at; false: EPT01 has nothing there. */
bool ept02_look_up_range(struct ept02 *e, gpa1_t at);
static inline bool ept02_find_range(struct ept02 *e, gpa1_t at)
{
	return at.at - e->range.from < e->range.size || ept02_look_up_range(e, at);
}

/* With A/D in EPT12 W waits for D. */
static inline u64 ept02_marked(u64 leaf) { return leaf & (leaf >> 8 | ~(u64)EPT_W); }
_Static_assert(EPT_ENTRY_DIRTY >> 8 == EPT_W, "D stands eight bits above W");

/* The leaf for an entry of EPT12 that is one, within @range. 0: none. */
static ALWAYS_INLINE u64 ept02_leaf(const struct ept02_range *range, bool accessed_dirty, u64 entry12)
{
	u64 low = range->low[entry12 & 63], leaf = ((entry12 & ~63ull) + range->add) | low;

	if (!low || (accessed_dirty && !(entry12 & EPT_ENTRY_ACCESSED)))
		return 0;
	return accessed_dirty ? ept02_marked(leaf) : leaf;
}

/* May e->range be mapped by leaves of @level? */
static inline bool ept02_range_has_leaves(const struct ept02 *e, u32 level)
{
	static const u64 needs[EPT_LEVELS + 1] = { [2] = EPT_CAP_2M, [3] = EPT_CAP_1G };

	return level <= e->range.level && (e->caps & needs[level]) == needs[level];
}

/* Leaves of @level with W lead to @count > 0 pages of L1's that size, from the one at @to on. */
void ept02_note_many_writable(const struct ept02 *e, u32 at, u32 count);
static ALWAYS_INLINE void ept02_note_writable(struct ept02 *e, u32 level, u64 to, u32 count)
{
	u32 at = (u32)(to >> PAGE_SHIFT) & e->writable_mask, pages = count << (ept_shift(level) - PAGE_SHIFT);

	e->writable_to |= to | (to + ((u64)(pages - 1) << PAGE_SHIFT));
	if (level == 1 && pages <= 32 - (at & 31))
		e->writable[at / 32] |= ~0u >> (32 - pages) << (at & 31);
	else if (level == 2 && pages <= e->writable_mask - at + 1)
		words_set(&e->writable[at / 32], pages / 32);
	else
		ept02_note_many_writable(e, at, pages);
}

/* @t at @level has @count leaves like @leaf now, made of entries of EPT12 that lead to @to of L1's and on, within e->range. */
static ALWAYS_INLINE void ept02_note_leaves(struct ept02 *e, struct ept02_table *t, u32 level, u64 leaf, u64 to, u32 count)
{
	t->lowest = MIN(t->lowest, to);
	t->highest = MAX(t->highest, to + ((u64)(count - 1) << ept_shift(level)));
	t->special |= e->range.special;
	if (leaf & EPT_W)
		ept02_note_writable(e, level, to, count);
}

/* Slot @i of @t becomes what EPT01 makes of the leaf @entry12, within e->range: returned; 0: nothing. */
u64 ept02_install(struct ept02 *e, struct ept02_table *t, u32 i, u64 entry12);

/* An empty slot: CPUs see nothing until its rights are there, with 32 bits in the half that is written last. */
static ALWAYS_INLINE void ept02_slot_fill(u64 *slot, u64 value)
{
#ifdef __i386__
	volatile u32 *half = (volatile u32 *)slot;

	half[1] = (u32)(value >> 32);
	half[0] = (u32)value;
#else
	*(volatile u64 *)slot = value;
#endif
}

/* The same for an empty slot of a table of 4 KiB pages. */
static ALWAYS_INLINE u64 ept02_install_new(struct ept02 *e, struct ept02_table *t, u32 i, u64 entry12)
{
	u64 leaf = ept02_leaf(&e->range, t->accessed_dirty, entry12);

	if (!leaf)
		return 0;
	ept02_slot_fill(&t->entries[i], leaf);
	ept02_note_filled(t, i, i + 1);
	ept02_note_leaves(e, t, 1, leaf, entry12 & EPT_ENTRY_ADDRESS, 1);
	return leaf;
}

#endif
