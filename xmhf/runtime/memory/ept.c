/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT01's operations, each an edit of a range (ept_edit.c does the work), and looking things up.
 */
#include "memory/ept.h"
#include "memory/ept_edit.h"

/* Tops the reserve up as far as pages last; has it @needed now? */
static bool reserve_has(struct ept *ept, u32 needed)
{
	while (ept->reserved < EPT_RESERVE) {
		void *page = ept->ops->page_alloc(ept->ctx);

		if (page == NULL)
			break;
		ept->reserve[ept->reserved++] = page;
	}
	return ept->reserved >= needed;
}

bool ept_init(struct ept *ept, const struct ept_ops *ops, void *ctx, u64 caps, u32 maxphyaddr)
{
	*ept = (struct ept){ .ops = ops, .ctx = ctx, .caps = caps,
			     .limit = 1ull << MIN(maxphyaddr, EPT_GPA_BITS) };
	ept->root = ops->page_alloc(ctx);
	if (ept->root == NULL)
		return false;
	ept->tables = 1;
	if (reserve_has(ept, EPT_RESERVE))
		return true;
	ept_destroy(ept);
	return false;
}

void ept_destroy(struct ept *ept)
{
	ept_free_tree(ept, ept->root, EPT_LEVELS);
	ept->root = NULL;
	while (ept->reserved > 0)
		ept->ops->page_free(ept->ctx, ept->reserve[--ept->reserved]);
}

u64 ept_pointer(const struct ept *ept)
{
	return eptp_make(ept_root(ept), (ept->caps & EPT_CAP_ACCESSED_DIRTY) != 0);
}

bool ept_lookup(const struct ept *ept, gpa1_t at, struct ept_leaf *out)
{
	const u64 *table = ept->root;
	u32 level = EPT_LEVELS, shift = PAGE_SHIFT + 9 * (EPT_LEVELS - 1);
	u64 entry = at.at < ept->limit ? ept_entry_get(&table[ept_index(at.at, level)]) : 0, offset;

	while (ept_entry_is_table(entry)) {
		table = ept_entry_table(entry);
		level--;
		shift -= 9;
		entry = ept_entry_get(&table[at.at >> shift & (EPT_ENTRIES - 1)]);
	}
	out->level = level;
	out->mapped = entry != 0;
	out->special = (entry & EPT_ENTRY_SPECIAL) != 0;
	out->size = 1ull << shift;
	offset = at.at & (out->size - 1);
	out->from.at = at.at - offset;
	out->hpa.at = entry ? (entry & EPT_ENTRY_ADDRESS) + offset : 0;
	out->rights = ept_entry_rights(entry);
	out->type = ept_entry_type(entry);
	return out->mapped;
}

static enum memory_type type_of(const struct ept *ept, u64 at, u64 *same_until)
{
	return ept->ops->type_of(ept->ctx, at, same_until);
}

static u64 leaf_make(hpa_t to, u64 rights, enum memory_type type)
{
	return to.at | (u64)type << EPT_ENTRY_TYPE_SHIFT | rights | EPT_ENTRY_LEAF;
}

static u64 change_hole(const struct ept_edit *edit, u64 leaf, u64 at, u64 *until)
{
	if (leaf != 0)
		return leaf;
	return leaf_make((hpa_t){ at }, EPT_RWX, type_of(edit->ept, at, until));
}

bool ept_map_identity(struct ept *ept, gpa1_t from, gpa1_t to)
{
	struct ept_edit edit = { .ept = ept, .from = from.at, .to = MIN(to.at, ept->limit),
				 .change = change_hole, .coarsen = true };

	ept_edit_apply(&edit);
	ept_edit_merge(&edit);
	return !edit.short_of_pages;
}

/* Has all memory between @at and @end one type? Answers that fall short of a change are followed. */
static bool one_type(const struct ept *ept, u64 at, u64 end)
{
	u64 until = at;
	enum memory_type type = type_of(ept, at, &until);

	while (until < end) {
		at = MAX(round_down(until, PAGE_SIZE), at + PAGE_SIZE);
		until = at;
		if (type_of(ept, at, &until) != type)
			return false;
	}
	return true;
}

bool ept_fill(struct ept *ept, gpa1_t at)
{
	struct ept_leaf hole;
	u32 level;
	gpa1_t from;

	if (at.at >= ept->limit)
		return false;
	if (ept_lookup(ept, at, &hole))
		return true;
	for (level = MIN(hole.level, EPT_LEVELS - 1); level > 1; level--) {
		from.at = round_down(at.at, ept_span(level));
		if (ept_level_has_leaves(ept, level) && one_type(ept, from.at, from.at + ept_span(level)))
			break;
	}
	from.at = round_down(at.at, ept_span(level));
	return ept_map_identity(ept, from, (gpa1_t){ from.at + ept_span(level) }) ||
	       ept_lookup(ept, at, &hole);
}

/* At most so many tables does an edit need that begins or ends at @at. */
static u32 tables_for_edge(const struct ept *ept, u64 at)
{
	struct ept_leaf leaf;

	if (at >= ept->limit)
		return 0;
	(void)ept_lookup(ept, (gpa1_t){ at }, &leaf);
	return at == leaf.from.at ? 0 : leaf.level - 1;
}

static struct flush flush_owed(const struct ept_edit *edit)
{
	return (struct flush){ .ept = edit->owed ? edit->ept : NULL, .failed = edit->short_of_pages };
}

/* W without R is a misconfiguration, X without R needs the capability (SDM 29.3.3.1). */
static u64 rights_fit(u64 caps, enum ept_rights rights)
{
	if (rights & EPT_R)
		return rights & EPT_ENTRY_RIGHTS;
	return (caps & EPT_CAP_EXECUTE_ONLY) ? rights & EPT_X : 0;
}

static u64 change_rights(const struct ept_edit *edit, u64 leaf, u64 at, u64 *until)
{
	(void)at, (void)until;
	if (leaf == 0 || (leaf & EPT_ENTRY_SPECIAL))
		return leaf;
	return (leaf & ~(EPT_ENTRY_RIGHTS | EPT_ENTRY_HELD)) | edit->value;
}

struct flush ept_protect(struct ept *ept, gpa1_t from, u64 length, enum ept_rights rights)
{
	struct ept_edit edit = { .ept = ept, .from = from.at, .to = from.at + length,
				 .change = change_rights, .value = rights_fit(ept->caps, rights),
				 .use_reserve = true };
	struct ept_leaf leaf;

	if (from.at > ept->limit || length > ept->limit - from.at)
		return (struct flush){ .failed = true };
	for (u64 at = edit.from; at < edit.to; at = leaf.from.at + leaf.size)
		if (!ept_fill(ept, (gpa1_t){ at }) || !ept_lookup(ept, (gpa1_t){ at }, &leaf))
			return (struct flush){ .failed = true };
	if (!reserve_has(ept, tables_for_edge(ept, edit.from) + tables_for_edge(ept, edit.to)))
		return (struct flush){ .failed = true };
	ept_edit_apply(&edit);
	ept_edit_merge(&edit);
	return flush_owed(&edit);
}

struct flush ept_unprotect(struct ept *ept, gpa1_t from, u64 length)
{
	return ept_protect(ept, from, length, EPT_RWX);
}

static u64 change_to_value(const struct ept_edit *edit, u64 leaf, u64 at, u64 *until)
{
	(void)leaf, (void)at, (void)until;
	return edit->value;
}

struct flush ept_redirect(struct ept *ept, gpa1_t page, hpa_t to, enum ept_rights rights,
			  enum memory_type type)
{
	u64 leaf = leaf_make(to, rights_fit(ept->caps, rights), type) | EPT_ENTRY_SPECIAL;
	struct ept_edit edit = { .ept = ept, .from = page.at, .to = page.at + PAGE_SIZE,
				 .change = change_to_value, .value = leaf, .use_reserve = true };
	struct ept_leaf old;

	if (page.at >= ept->limit)
		return (struct flush){ .failed = true };
	(void)ept_lookup(ept, page, &old);
	if (!reserve_has(ept, old.level - 1))
		return (struct flush){ .failed = true };
	ept_edit_apply(&edit);
	return flush_owed(&edit);
}

static u64 change_tracked(const struct ept_edit *edit, u64 leaf, u64 at, u64 *until)
{
	(void)edit, (void)at, (void)until;
	return leaf | EPT_ENTRY_TRACKED;
}

/* The entry of @page, if it is a leaf of 4 KiB. */
static u64 *small_leaf(const struct ept *ept, gpa1_t page)
{
	u64 *entry = &ept->root[ept_index(page.at, EPT_LEVELS)];

	for (u32 level = EPT_LEVELS - 1; level >= 1; level--) {
		if (!ept_entry_is_table(*entry))
			return NULL;
		entry = &ept_entry_table(*entry)[ept_index(page.at, level)];
	}
	return entry;
}

static u64 *split_off(struct ept *ept, gpa1_t page)
{
	struct ept_edit edit = { .ept = ept, .from = page.at, .to = page.at + PAGE_SIZE, .change = change_tracked };
	struct ept_leaf leaf;

	if (!ept_fill(ept, page) || !ept_lookup(ept, page, &leaf) || leaf.special)
		return NULL;
	ept_edit_apply(&edit);
	return edit.short_of_pages ? NULL : small_leaf(ept, page);
}

u64 *ept_track(struct ept *ept, gpa1_t page)
{
	u64 *leaf = page.at < ept->limit ? small_leaf(ept, page) : NULL;
	u64 old = leaf ? ept_entry_get(leaf) : 0;

	if (!old)
		return split_off(ept, page);
	if (old & EPT_ENTRY_SPECIAL)
		return NULL;
	(void)ept_entry_swap(leaf, old | EPT_ENTRY_TRACKED | EPT_ENTRY_MARKS);
	return leaf;
}

void ept_untrack(struct ept *ept, gpa1_t page, u64 *leaf, bool merge)
{
	struct ept_edit edit = { .ept = ept, .from = page.at, .to = page.at + PAGE_SIZE };
	u64 old = ept_entry_get(leaf), rights = old & EPT_ENTRY_HELD ? EPT_W : 0;

	(void)ept_entry_swap(leaf, (old & ~(EPT_ENTRY_TRACKED | EPT_ENTRY_HELD)) | rights | EPT_ENTRY_MARKS);
	if (merge)
		ept_edit_merge(&edit);
}

static u64 change_type(const struct ept_edit *edit, u64 leaf, u64 at, u64 *until)
{
	if (leaf == 0 || (leaf & EPT_ENTRY_SPECIAL))
		return leaf;
	return (leaf & ~EPT_ENTRY_TYPE) | (u64)type_of(edit->ept, at, until) << EPT_ENTRY_TYPE_SHIFT;
}

struct flush ept_retype(struct ept *ept, gpa1_t from, gpa1_t to)
{
	struct ept_edit edit = { .ept = ept, .from = from.at, .to = MIN(to.at, ept->limit),
				 .change = change_type, .coarsen = true };

	ept_edit_apply(&edit);
	ept_edit_merge(&edit);
	return flush_owed(&edit);
}

struct flush flush_join(struct flush a, struct flush b)
{
	return (struct flush){ .ept = a.ept != NULL ? a.ept : b.ept, .failed = a.failed || b.failed };
}

void flush_discharge(struct flush *owed)
{
	if (owed->ept != NULL && owed->ept->stale)
		ept_flush_now(owed->ept);
	owed->ept = NULL;
}
