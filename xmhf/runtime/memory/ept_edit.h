/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside EPT01: one way to change the tree, used by every operation of ept.c. An edit says what
 * each page of a range becomes; ept_edit.c works out leaves, splits, merges and flushes.
 *
 * A "leaf" here is the 4 KiB entry that a page would have: no EPT_ENTRY_LARGE, no marks; 0 when
 * the page isn't mapped. A larger leaf is that of its first page.
 */
#ifndef MEMORY_EPT_EDIT_H
#define MEMORY_EPT_EDIT_H

#include "memory/ept.h"

struct ept_edit {
	struct ept *ept;
	u64 from, to;			/* ept_edit_apply widens them to whole pages */
	/* What the page at @at with @leaf becomes; *until (preset to the end of time) is how far that holds. */
	u64 (*change)(const struct ept_edit *edit, u64 leaf, u64 at, u64 *until);
	u64 value;			/* change's own */
	bool coarsen;			/* without pages, a leaf that can't be split becomes UC as a whole */
	bool use_reserve;
	bool owed, short_of_pages;	/* results */
};

void ept_edit_apply(struct ept_edit *edit);

/* Replaces tables in the edit's range by leaves wherever all below is one. */
void ept_edit_merge(struct ept_edit *edit);

/* May an entry at @level be a leaf? */
bool ept_level_has_leaves(const struct ept *ept, u32 level);

static inline bool ept_entry_is_table(u64 entry) { return entry != 0 && !(entry & EPT_ENTRY_LEAF); }

void ept_flush_now(struct ept *ept);

/* Frees @table, one of entries at @level, and all tables below. Only what no CPU can be walking. */
void ept_free_tree(struct ept *ept, u64 *table, u32 level);

#endif
