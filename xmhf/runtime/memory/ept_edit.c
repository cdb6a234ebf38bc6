/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes to the EPT01 tree: every leaf as large as can be, sizes changed only through
 * not-present. New tables are built in full beside the tree and linked by one store, so a
 * split needs one flush however deep it goes.
 */
#include "memory/ept_edit.h"

#define LEAF_BITS	(EPT_ENTRY_RIGHTS | EPT_ENTRY_TYPE | EPT_ENTRY_IPAT | EPT_ENTRY_ADDRESS | \
			 EPT_ENTRY_LEAF | EPT_ENTRY_SPECIAL | EPT_ENTRY_TRACKED | EPT_ENTRY_HELD)
#define IGNORED_BITS	(EPT_ENTRY_TRACKED | EPT_ENTRY_HELD)	/* by CPUs: a change needs no flush */

/* An entry that isn't a table, as a leaf. */
static u64 leaf_of(u64 entry) { return entry & LEAF_BITS; }

/* The page @offset bytes into a leaf. */
static u64 leaf_at(u64 leaf, u64 offset) { return leaf == 0 ? 0 : leaf + offset; }

/*
 * New leaves start accessed and dirty: a mark that a CPU makes between our reading of the old
 * entry and its replacement is then never lost, and who looks at marks looks once too often.
 */
static u64 leaf_entry(u64 leaf, u32 level)
{
	if (leaf == 0)
		return 0;
	return leaf | EPT_ENTRY_MARKS | (level > 1 ? EPT_ENTRY_LARGE : 0);
}

/* Is all that @old allowed still so in @new, only more? */
static bool leaf_only_gains(u64 old, u64 new)
{
	return ((old ^ new) & ~(EPT_ENTRY_RIGHTS | IGNORED_BITS)) == 0 && (old & ~new & EPT_ENTRY_RIGHTS) == 0;
}

bool ept_level_has_leaves(const struct ept *ept, u32 level)
{
	static const u64 needs[EPT_LEVELS + 1] = { [2] = EPT_CAP_2M, [3] = EPT_CAP_1G };

	return level < EPT_LEVELS && (ept->caps & needs[level]) == needs[level];
}

void ept_flush_now(struct ept *ept)
{
	ept->ops->flush_now(ept->ctx);
	ept->stale = false;
}

static u64 *table_new(struct ept_edit *edit)
{
	struct ept *ept = edit->ept;
	u64 *table = ept->ops->page_alloc(ept->ctx);

	if (table == NULL && edit->use_reserve && ept->reserved > 0)
		table = ept->reserve[--ept->reserved];
	if (table == NULL)
		edit->short_of_pages = true;
	else
		ept->tables++;
	return table;
}

void ept_free_tree(struct ept *ept, u64 *table, u32 level)
{
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		if (ept_entry_is_table(table[i]))
			ept_free_tree(ept, ept_entry_table(table[i]), level - 1);
	ept->ops->page_free(ept->ctx, table);
	ept->tables--;
}

/*
 * Empties an entry whose replacement has another size, and waits until no CPU holds what it
 * led to. An entry already without rights may still be cached if a flush is owed for it.
 */
static void vacate(struct ept *ept, u64 *entry)
{
	u64 old = ept_entry_swap(entry, 0);

	if (ept_entry_present(old) || ept->stale)
		ept_flush_now(ept);
}

/* What an edit makes of one leaf (or hole). */
enum fate { UNCHANGED, ONE_LEAF, MIXED };

static enum fate edit_fate(const struct ept_edit *edit, u64 old, u64 base, u32 level, u64 *first)
{
	u64 end = base + ept_span(level);
	u64 at = MAX(base, edit->from);
	u64 to = MIN(end, edit->to);
	bool same = true;
	bool uniform = at == base && to == end && ept_level_has_leaves(edit->ept, level);

	*first = 0;
	while (at < to && (same || uniform)) {
		u64 until = ~0ull;
		u64 before = leaf_at(old, at - base);
		u64 after = edit->change(edit, before, at, &until);

		if (at == base)
			*first = after;
		same = same && after == before;
		uniform = uniform && after == leaf_at(*first, at - base);
		/* A page has one type, whatever the answer says: that also makes sure we move on. */
		at = MAX(round_down(until, PAGE_SIZE), at + PAGE_SIZE);
	}
	return same ? UNCHANGED : uniform ? ONE_LEAF : MIXED;
}

static void write_leaf(struct ept_edit *edit, u64 *entry, u64 leaf, u32 level, bool live)
{
	u64 old = leaf_of(ept_entry_swap(entry, leaf_entry(leaf, level)));

	if (live && ept_entry_present(old) && !leaf_only_gains(old, leaf))
		edit->owed = edit->ept->stale = true;
}

static bool table_is_empty(const u64 *table)
{
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		if (table[i] != 0)
			return false;
	return true;
}

static void edit_table(struct ept_edit *edit, u64 *table, u64 base, u32 level, bool live);

static void split(struct ept_edit *edit, u64 *entry, u64 base, u32 level, bool live)
{
	u64 old = leaf_of(ept_entry_get(entry));
	u64 *table = table_new(edit);

	if (table == NULL) {
		u64 leaf = old ? old & ~EPT_ENTRY_TYPE : base | EPT_ENTRY_LEAF | EPT_RWX;

		_Static_assert(MEMTYPE_UC == 0, "a leaf with its type cleared is UC");
		if (edit->coarsen && ept_level_has_leaves(edit->ept, level))
			write_leaf(edit, entry, leaf, level, live);
		return;
	}
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		table[i] = leaf_entry(leaf_at(old, i * ept_span(level - 1)), level - 1);
	edit_table(edit, table, base, level - 1, false);
	if (table_is_empty(table)) {	/* nothing could be put into it */
		ept_free_tree(edit->ept, table, level - 1);
		return;
	}
	if (live)
		vacate(edit->ept, entry);
	(void)ept_entry_swap(entry, ept_entry_to(table));
}

/* @live: CPUs can reach this entry. */
static void edit_entry(struct ept_edit *edit, u64 *entry, u64 base, u32 level, bool live)
{
	u64 old = ept_entry_get(entry);
	u64 leaf;

	if (ept_entry_is_table(old)) {
		edit_table(edit, ept_entry_table(old), base, level - 1, live);
		return;
	}
	switch (edit_fate(edit, leaf_of(old), base, level, &leaf)) {
	case UNCHANGED:
		break;
	case ONE_LEAF:
		write_leaf(edit, entry, leaf, level, live);
		break;
	case MIXED:
		split(edit, entry, base, level, live);
		break;
	}
}

/* The entries of a table (at @level, the first at @base) that an edit's range touches. */
static u32 first_index(const struct ept_edit *edit, u64 base, u32 level)
{
	return edit->from <= base ? 0 : ept_index(edit->from, level);
}

static u32 last_index(const struct ept_edit *edit, u64 base, u32 level)
{
	u64 end = base + EPT_ENTRIES * ept_span(level);

	return edit->to >= end ? EPT_ENTRIES - 1 : ept_index(edit->to - 1, level);
}

static void edit_table(struct ept_edit *edit, u64 *table, u64 base, u32 level, bool live)
{
	for (u32 i = first_index(edit, base, level); i <= last_index(edit, base, level); i++)
		edit_entry(edit, &table[i], base + i * ept_span(level), level, live);
}

void ept_edit_apply(struct ept_edit *edit)
{
	edit->from = round_down(edit->from, PAGE_SIZE);	/* the engine knows whole pages only */
	edit->to = round_up(edit->to, PAGE_SIZE);
	if (edit->from < edit->to)
		edit_table(edit, edit->ept->root, 0, EPT_LEVELS, true);
}

/* Could one leaf stand for all of @table, whose entries are at @level? */
static bool collapses(const u64 *table, u32 level, u64 *leaf)
{
	for (u32 i = 0; i < EPT_ENTRIES; i++) {
		u64 entry = ept_entry_get(&table[i]);
		u64 sub = leaf_of(entry);

		if (ept_entry_is_table(entry) && !collapses(ept_entry_table(entry), level - 1, &sub))
			return false;
		if (sub == 0 || (sub & (EPT_ENTRY_SPECIAL | EPT_ENTRY_TRACKED)))
			return false;
		if (i == 0)
			*leaf = sub;
		else if (sub != leaf_at(*leaf, i * ept_span(level)))
			return false;
	}
	return true;
}

/* From the top down, so that a merge of many tables costs one flush. */
static void merge_table(struct ept_edit *edit, u64 *table, u64 base, u32 level)
{
	for (u32 i = first_index(edit, base, level); i <= last_index(edit, base, level); i++) {
		u64 entry = ept_entry_get(&table[i]);
		u64 leaf;

		if (!ept_entry_is_table(entry))
			continue;
		if (ept_level_has_leaves(edit->ept, level) &&
		    collapses(ept_entry_table(entry), level - 1, &leaf)) {
			vacate(edit->ept, &table[i]);
			(void)ept_entry_swap(&table[i], leaf_entry(leaf, level));
			ept_free_tree(edit->ept, ept_entry_table(entry), level - 1);
		} else {
			merge_table(edit, ept_entry_table(entry), base + i * ept_span(level), level - 1);
		}
	}
}

void ept_edit_merge(struct ept_edit *edit)
{
	if (edit->from < edit->to)
		merge_table(edit, edit->ept->root, 0, EPT_LEVELS);
}
