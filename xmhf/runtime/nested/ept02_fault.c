/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT violations of L2. A fault goes down the tables of EPT02 that are there, as long as what they were made of still stands
 * in EPT12, and makes those that are missing; only where A must be set on the way EPT12 is walked from its root first.
 */
#include "nested/ept02_table.h"

static struct ept12 ept12_of(const struct ept02 *e, const struct ept02_table *root, const struct ept02_fault *f)
{
	return (struct ept12){ e->rules, &e->memory12, f->log, root->source, root->accessed_dirty };
}

static enum ept02_answer answer_of(enum ept12_status status)
{
	static const enum ept02_answer answers[] = {
		[EPT12_OK] = EPT02_RESUME, [EPT12_RETRY] = EPT02_RESUME, [EPT12_VIOLATION] = EPT02_VIOLATION,
		[EPT12_MISCONFIGURED] = EPT02_MISCONFIGURED, [EPT12_LOG_FULL] = EPT02_LOG_FULL,
	};

	return answers[status];
}

/* ---- the leaf ---- */

/*
 * What EPT12 allows @f to do by the leaf @entry12 in the table that @t shadows, as far as EPT01 lets it; in pieces if need be.
 */
static NOINLINE enum ept02_answer install(struct ept02 *e, struct ept02_table *t, u64 entry12, struct ept02_fault *f)
{
	u64 offset = f->at.at & (ept_span(t->level) - 1);
	gpa1_t at = { (entry12 & EPT_ENTRY_ADDRESS) + offset };
	u32 i = ept_index(f->at.at, t->level);

	f->ept12.at = at;
	if (!ept02_find_range(e, at))
		return EPT02_PROTECTED;
	if (e->range.watched && (f->want & EPT_W)) {
		gpa1_t page = { e->range.from };

		ept02_expose(e, page);
		e->tracker->expose(e->ctx, page);
		(void)ept02_find_range(e, at);
	}
	while (!ept02_range_has_leaves(e, t->level)) {
		t = ept02_pieces(e, t, i, entry12);
		if (!t)
			return EPT02_NO_PAGES;
		i = ept_index(f->at.at, t->level);
		entry12 = ept02_source(t, i);
	}
	if (ept02_is_link(t, t->entries[i]))
		ept02_unlink(e, ept02_table_of(e, t->entries[i]));
	if (f->want & ~ept02_install(e, t, i, entry12))
		return EPT02_PROTECTED;
	ept02_touch(e, t, f->at);
	ept02_fill_around(e, t, f);
	return EPT02_RESUME;
}

static bool is_new(const struct ept02_table *t, u32 i)
{
	return !t->entries[i] && ept_entry_present(ept12_entry_get(&t->from12[i]));
}

/* Is a page beside slot @i there too, and new? Who maps page by page, after each violation, has no neighbours to look for. */
static bool has_company(const struct ept02_table *t, u32 i)
{
	return is_new(t, i ^ 1) || is_new(t, (i + 1) % EPT_ENTRIES);
}

/* What is touched first in a table may stay alone there, unless L2 came in a sequence. */
static bool is_alone(const struct ept02_table *t, const struct ept02_fault *f)
{
	return !t->filled && round_down(f->at.at, PAGE_SIZE) != f->stream->next;
}

/* Most faults: @t has 4 KiB pages, and nothing for this one yet. False: there is more to it. */
static ALWAYS_INLINE bool install_new(struct ept02 *e, struct ept02_table *t, u64 entry12, const struct ept02_fault *f,
				      bool around)
{
	u32 i = ept_index(f->at.at, 1);
	u64 leaf;

	if (t->level > 1 || t->entries[i] || !ept02_find_range(e, (gpa1_t){ entry12 & EPT_ENTRY_ADDRESS }))
		return false;
	around = around && !is_alone(t, f) && has_company(t, i);
	leaf = ept02_install_new(e, t, i, entry12);
	ept02_touch(e, t, f->at);
	if (around)
		ept02_fill_around(e, t, f);
	return leaf && !(f->want & ~leaf);
}

/* With neighbours if @around. EPT01 may allow more than what we remember of it. */
static ALWAYS_INLINE enum ept02_answer map(struct ept02 *e, struct ept02_table *t, u64 entry12, struct ept02_fault *f,
					   bool around)
{
	enum ept02_answer answer;

	if (install_new(e, t, entry12, f, around))
		return EPT02_RESUME;
	answer = install(e, t, entry12, f);
	if (answer != EPT02_PROTECTED)
		return answer;
	e->range.size = 0;
	return install(e, t, entry12, f);
}

/* ---- the way there ---- */

/* Does it shadow a table that EPT12 still has there? */
static bool stands(const struct ept02_table *t)
{
	return t->from12 && t->made_of == ept12_entry_get(t->led_here);
}

/*
 * The lowest table on the way to @at that was on the way of the last fault too, if all above it still stands in EPT12; else
 * the root. @rights are those on the way there.
 */
static struct ept02_table *common_table(const struct ept02 *e, struct ept02_table *root, gpa2_t at, u32 *rights)
{
	struct ept02_table *common = e->recent;

	*rights = EPT_RWX;
	if (!common || common->root != root)
		return root;
	while ((at.at ^ e->recent_at.at) >> ept_shift(common->level + 1u))
		common = common->parent;
	for (const struct ept02_table *t = common; t->parent; t = t->parent) {
		if (!stands(t)) {
			*rights = EPT_RWX;
			return root;
		}
		*rights &= (u32)t->made_of;
	}
	return common;
}

/* Down the tables that are there, from @t, as far as they are what EPT12 has; @rights are those on the way. */
static struct ept02_table *descend(const struct ept02 *e, struct ept02_table *t, gpa2_t at, u32 *rights)
{
	while (t->level > 1) {
		u64 slot = t->entries[ept_index(at.at, t->level)];
		struct ept02_table *child = ept02_is_link(t, slot) ? ept02_table_of(e, slot) : NULL;

		if (!child || !stands(child))
			break;
		*rights &= (u32)child->made_of;
		t = child;
	}
	return t;
}

/* ---- violations ---- */

/*
 * By a walk of EPT12 from its root, as a CPU does it after a violation, whatever it held before (SDM 29.4.3.1).
 * What the tracker didn't watch during the walk is read again; if it changed meanwhile, L2 tries again.
 */
static NOINLINE enum ept02_answer fault_by_walk(struct ept02 *e, struct ept02_table *t, struct ept02_fault *f)
{
	const struct ept12 ept12 = ept12_of(e, t, f);
	enum ept12_status status = ept12_walk(&ept12, f->at, f->want, &f->ept12);

	if (status != EPT12_OK)
		return answer_of(status);
	for (u32 level = EPT_LEVELS; level >= f->ept12.level; level--) {
		u32 i = ept_index(f->at.at, level);
		u64 entry12 = ept12_entry_get(&t->from12[i]);

		if ((entry12 ^ f->ept12.entry[level]) & ~EPT_ENTRY_MARKS)
			return EPT02_RESUME;
		if (level > f->ept12.level)
			t = ept02_shadow(e, t, i, entry12);
		if (!t)
			return EPT02_NO_PAGES;
	}
	return map(e, t, f->ept12.entry[t->level], f, true);
}

static bool cmpxchg_here(void *entry, gpa1_t unused, u64 old, u64 new)
{
	(void)unused;
	return __sync_bool_compare_and_swap((u64 *)entry, old, new);
}

static enum ept12_status mark(struct ept02 *e, const struct ept02_table *t, u64 *entry12, const struct ept02_fault *f)
{
	u32 i = ept_index(f->at.at, t->level);
	gpa1_t at = { t->source.at + i * sizeof(u64) };
	const struct ept12_memory here = { .cmpxchg = cmpxchg_here, .ctx = (void *)(uptr)&t->from12[i] };
	bool write = (f->want & EPT_W) != 0;

	if (t->writable12)
		return ept12_mark(&here, f->log, f->at, at, entry12, write);
	return ept12_mark(&e->memory12, f->log, f->at, at, entry12, write);
}

/*
 * The leaf @entry12 of the table that @t shadows allows what L2 wants. Its neighbours are filled if EPT02 knows the table only now,
 * but not in memory that L2 is new to: their A aren't set either then.
 */
static enum ept02_answer fault_by_leaf(struct ept02 *e, struct ept02_table *t, u64 entry12, struct ept02_fault *f, bool first)
{
	u64 marks = EPT_ENTRY_ACCESSED | (f->want & EPT_W ? EPT_ENTRY_DIRTY : 0);
	bool around = first || !t->accessed_dirty || (entry12 & EPT_ENTRY_ACCESSED);

	if (t->accessed_dirty && (entry12 & marks) != marks) {
		enum ept12_status status = f->ahead ? EPT12_RETRY : mark(e, t, &entry12, f);

		if (status != EPT12_OK)
			return answer_of(status);
	}
	return map(e, t, entry12, f, around);
}

static enum ept02_answer refused(struct ept02_fault *f, u32 level, u64 entry12, u32 rights, enum ept02_answer answer)
{
	f->ept12.level = level;
	f->ept12.entry[level] = entry12;
	f->ept12.rights = (enum ept_rights)(rights & (u32)entry12 & EPT_RWX);
	return answer;
}

enum ept02_answer ept02_fault(struct ept02 *e, struct ept02_table *root, struct ept02_fault *f)
{
	struct ept02_table *t;
	u32 rights;

	if (f->at.at >> EPT_GPA_BITS)
		return f->ahead ? EPT02_RESUME : fault_by_walk(e, root, f);
	t = descend(e, common_table(e, root, f->at, &rights), f->at, &rights);
	for (bool first = false;; first = true) {
		u32 i = ept_index(f->at.at, t->level);
		u64 entry12 = ept12_entry_get(&t->from12[i]);

		switch (ept12_classify(e->rules, entry12, t->level)) {
		case EPT12_LEAF:
			if (f->want & ~(rights & (u32)entry12))
				return refused(f, t->level, entry12, rights, EPT02_VIOLATION);
			return fault_by_leaf(e, t, entry12, f, first);
		case EPT12_ABSENT:
			return refused(f, t->level, entry12, rights, EPT02_VIOLATION);
		case EPT12_BAD:
			return refused(f, t->level, entry12, rights, EPT02_MISCONFIGURED);
		case EPT12_TABLE:
			break;
		}
		if (root->accessed_dirty && !(entry12 & EPT_ENTRY_ACCESSED))	/* is set when all of the walk has passed */
			return f->ahead ? EPT02_RESUME : fault_by_walk(e, root, f);
		rights &= (u32)entry12;
		t = ept02_shadow(e, t, i, entry12);
		if (!t)
			return EPT02_NO_PAGES;
	}
}
