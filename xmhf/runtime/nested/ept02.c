/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT02: the start, its roots, and the violation. A fault goes down the tables that are there, as long as what
 * they were made of still stands in EPT12, and makes those that are missing; only where A must be set on the way EPT12 is
 * walked from its root first.
 */
#include "nested/ept02_table.h"
#include "nested/memory_type.h"

#define WRITABLE_WORDS	32u		/* for each page of the pool: as many bits as L1 has pages, if the pool is RAM/512 */

/* ---- start ---- */

/* W without R is a misconfiguration, X without R needs the capability (SDM 29.3.3.1). */
static u8 rights_fit(u64 caps, u32 rights)
{
	if (rights & EPT_R)
		return (u8)rights;
	return caps & EPT_CAP_EXECUTE_ONLY ? rights & EPT_X : 0;
}

static void work_out_leaves(struct ept02 *e)
{
	for (u32 leaf01 = 0; leaf01 < 64; leaf01++)
		for (u32 leaf12 = 0; leaf12 < 64; leaf12++) {
			u8 rights = rights_fit(e->caps, leaf01 & leaf12 & EPT_ENTRY_RIGHTS);

			if (rights && (e->rules->good_leaf >> leaf12 & 1))
				e->low[leaf01][leaf12] = (u8)(rights | memory_type_merge_leaves(leaf12, leaf01));
		}
}

static u64 memory12_read(void *ctx, gpa1_t at)
{
	const u64 *page = ept02_page(ctx, (gpa1_t){ round_down(at.at, PAGE_SIZE) });

	return ept12_entry_get(&page[(at.at & PAGE_MASK) / sizeof(u64)]);
}

static bool memory12_cmpxchg(void *ctx, gpa1_t at, u64 old, u64 new)
{
	const struct ept02 *e = ctx;

	return e->ops->cmpxchg(e->ctx, at, old, new);
}

static u32 log2_of(size_t n)
{
	u32 log = 0;

	while (n >>= 1)
		log++;
	return log;
}

bool ept02_init(struct ept02 *e, const struct ept02_ops *ops, const struct ept02_tracker *tracker, void *ctx,
		const struct ept12_rules *rules, u64 caps, void *memory, size_t bytes)
{
	size_t buckets = (size_t)1 << log2_of(MAX(2u, bytes >> PAGE_SHIFT));
	size_t words = buckets * WRITABLE_WORDS;
	size_t fixed = words * sizeof(*e->writable) + buckets * sizeof(*e->buckets) + sizeof(*e->tables) + PAGE_MASK;
	u64 *pages;

	*e = (struct ept02){ .ops = ops, .tracker = tracker, .ctx = ctx, .rules = rules, .caps = caps,
			     .memory12 = { memory12_read, memory12_cmpxchg, e },
			     .bucket_shift = 32 - log2_of(buckets), .writable = memory, .writable_mask = (u32)(words * 64 - 1) };
	e->count = bytes < fixed ? 0 : (u32)((bytes - fixed) / (PAGE_SIZE + sizeof(*e->tables)));
	if (e->count < EPT02_TABLES_MIN)
		return false;
	e->buckets = (struct ept02_table **)(e->writable + words);
	e->tables = (struct ept02_table *)(e->buckets + buckets);
	pages = (u64 *)(uptr)round_up((uptr)(e->tables + e->count + 1), PAGE_SIZE);
	for (u32 i = e->count; i-- > 0; e->free = &e->tables[i]) {
		e->tables[i].entries = pages + i * EPT_ENTRIES;
		e->tables[i].next = e->free;
	}
	e->ring = &e->tables[e->count];
	e->ring->next = e->ring->prev = e->ring;
	work_out_leaves(e);
	return true;
}

/* ---- roots ---- */

struct ept02_table *ept02_get(struct ept02 *e, u64 eptp12)
{
	struct ept02_table *root = ept02_root(e, (gpa1_t){ eptp12 & EPT_ENTRY_ADDRESS }, (eptp12 & EPTP_ACCESSED_DIRTY) != 0);

	if (root)
		root->users++;
	return root;
}

void ept02_put(struct ept02_table *root)
{
	root->users--;
}

bool ept02_is_of(const struct ept02_table *root, u64 eptp12)
{
	return root->source.at == (eptp12 & EPT_ENTRY_ADDRESS) && root->accessed_dirty == ((eptp12 & EPTP_ACCESSED_DIRTY) != 0);
}

u64 ept02_pointer(const struct ept02_table *root)
{
	return eptp_make((hpa_t){ (u64)(uptr)root->entries }, root->accessed_dirty);
}

u64 ept02_generation(const struct ept02_table *root)
{
	return root->generation;
}

/* ---- what EPT01 has ---- */

/* Has @page what only stays watched if L2 can't write to it? */
static bool is_watched(const struct ept02 *e, gpa1_t page)
{
	const struct ept02_table *t = ept02_find(e, page, ~0ull);

	return (t && !t->exposed) || e->tracker->is_watched(e->ctx, page);
}

bool ept02_look_up_range(struct ept02 *e, gpa1_t at)
{
	struct ept_leaf leaf;
	bool watched;

	e->range.size = 0;
	if (!e->ops->lookup(e->ctx, at, &leaf))
		return false;
	watched = leaf.size == PAGE_SIZE && is_watched(e, leaf.from) && (leaf.rights & EPT_W);
	e->range = (struct ept02_range){
		.from = leaf.from.at, .size = leaf.size, .level = leaf.level,
		.add = leaf.hpa.at - at.at, .special = leaf.special,
		.low = e->low[(u32)leaf.type << EPT_ENTRY_TYPE_SHIFT | (leaf.rights & ~(u32)(watched ? EPT_W : 0))], .watched = watched,
	};
	return true;
}

/* ---- violations ---- */

/*
 * What EPT12 allows @f to do by the leaf @entry12 in the table that *@where shadows, as far as EPT01 lets it. *@where
 * becomes the table that has it.
 */
static enum ept02_answer install(struct ept02 *e, struct ept02_table **where, u64 entry12, struct ept02_fault *f)
{
	struct ept02_table *t = *where;
	u64 offset = f->at.at & (ept_span(t->level) - 1);
	gpa1_t at = { (entry12 & EPT_ENTRY_ADDRESS) + offset };
	u32 i = ept_index(f->at.at, t->level);
	u64 leaf;

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
	leaf = ept02_leaf(&e->range, t->accessed_dirty, entry12);
	if (ept02_is_link(t, t->entries[i]))
		ept02_unlink(e, ept02_table_of(e, t->entries[i]));
	ept02_slot_write(e, t, i, leaf);
	if (leaf)
		ept02_note_leaf(e, t, leaf, entry12 & EPT_ENTRY_ADDRESS);
	ept02_touch(e, t, f->at);
	*where = t;
	return f->want & ~leaf ? EPT02_PROTECTED : EPT02_RESUME;
}

/* EPT01 may allow more than what we remember of it. */
static enum ept02_answer install_fresh(struct ept02 *e, struct ept02_table **where, u64 entry12, struct ept02_fault *f)
{
	struct ept02_table *t = *where;
	enum ept02_answer answer = install(e, where, entry12, f);

	if (answer != EPT02_PROTECTED)
		return answer;
	e->range.size = 0;
	*where = t;
	return install(e, where, entry12, f);
}

/* Down the tables that are there, as far as they are what EPT12 has; @rights are those on the way. */
static struct ept02_table *descend(const struct ept02 *e, struct ept02_table *t, gpa2_t at, u32 *rights)
{
	for (;;) {
		u32 i = ept_index(at.at, t->level);
		u64 slot = t->entries[i];
		struct ept02_table *child;

		if (!ept02_is_link(t, slot))
			return t;
		child = ept02_table_of(e, slot);
		if (!child->from12 || child->made_of != ept12_entry_get(&t->from12[i]))
			return t;
		*rights &= (u32)child->made_of;
		t = child;
	}
}

/* The table that was used last, if it translates @at and all above it still stands in EPT12; else NULL. */
static struct ept02_table *recent_table(const struct ept02 *e, const struct ept02_table *root, gpa2_t at, u32 *rights)
{
	struct ept02_table *recent = e->recent;

	if (!recent || recent->root != root || !recent->from12 || e->recent_region != ept02_region(at, recent->level))
		return NULL;
	for (const struct ept02_table *t = recent; t->parent; t = t->parent) {
		if (t->made_of != ept12_entry_get(&t->parent->from12[t->slot]))
			return NULL;
		*rights &= (u32)t->made_of;
	}
	return recent;
}

static enum ept02_answer answer_of(enum ept12_status status)
{
	static const enum ept02_answer answers[] = {
		[EPT12_OK] = EPT02_RESUME, [EPT12_RETRY] = EPT02_RESUME, [EPT12_VIOLATION] = EPT02_VIOLATION,
		[EPT12_MISCONFIGURED] = EPT02_MISCONFIGURED, [EPT12_LOG_FULL] = EPT02_LOG_FULL,
	};

	return answers[status];
}

/*
 * By a walk of EPT12 from its root, as a CPU does it after a violation, whatever it held before (SDM 29.4.3.1).
 * What the tracker didn't watch during the walk is read again; if it changed meanwhile, L2 tries again.
 */
static enum ept02_answer fault_by_walk(struct ept02 *e, const struct ept12 *ept12, struct ept02_table *t,
				       struct ept02_fault *f)
{
	enum ept12_status status = ept12_walk(ept12, f->at, f->want, &f->ept12);
	enum ept02_answer answer;

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
	answer = install_fresh(e, &t, f->ept12.entry[t->level], f);
	if (answer == EPT02_RESUME)
		ept02_fill_around(e, t, f);
	return answer;
}

/*
 * The leaf @entry12 of the table that @t shadows allows what L2 wants. Its neighbours are filled if @around, unless it is memory
 * that L2 is new to: their A aren't set either then.
 */
static enum ept02_answer fault_by_leaf(struct ept02 *e, const struct ept12 *ept12, struct ept02_table *t, u64 entry12,
				       struct ept02_fault *f, bool around)
{
	u64 marks = EPT_ENTRY_ACCESSED | (f->want & EPT_W ? EPT_ENTRY_DIRTY : 0);
	gpa1_t at = { t->source.at + ept_index(f->at.at, t->level) * sizeof(u64) };
	enum ept12_status status;
	enum ept02_answer answer;

	if (ept12->accessed_dirty && (entry12 & marks) != marks) {
		if (f->ahead)
			return EPT02_RESUME;
		around |= (entry12 & EPT_ENTRY_ACCESSED) != 0;
		status = ept12_mark(ept12, f->at, at, &entry12, (f->want & EPT_W) != 0);
		if (status != EPT12_OK)
			return answer_of(status);
	} else {
		around = true;
	}
	answer = install_fresh(e, &t, entry12, f);
	if (answer == EPT02_RESUME && around)
		ept02_fill_around(e, t, f);
	return answer;
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
	const struct ept12 ept12 = { e->rules, &e->memory12, f->log, root->source, root->accessed_dirty };
	u32 rights = EPT_RWX;
	struct ept02_table *t;

	if (f->at.at >> EPT_GPA_BITS)
		return f->ahead ? EPT02_RESUME : fault_by_walk(e, &ept12, root, f);
	t = recent_table(e, root, f->at, &rights);
	if (!t || ept02_is_link(t, t->entries[ept_index(f->at.at, t->level)])) {
		rights = EPT_RWX;
		t = descend(e, root, f->at, &rights);
	}
	for (bool down = false;; down = true) {
		u32 i = ept_index(f->at.at, t->level);
		u64 entry12 = ept12_entry_get(&t->from12[i]);

		switch (ept12_classify(e->rules, entry12, t->level)) {
		case EPT12_LEAF:
			if (f->want & ~(rights & (u32)entry12))
				return refused(f, t->level, entry12, rights, EPT02_VIOLATION);
			return fault_by_leaf(e, &ept12, t, entry12, f, down);
		case EPT12_ABSENT:
			return refused(f, t->level, entry12, rights, EPT02_VIOLATION);
		case EPT12_BAD:
			return refused(f, t->level, entry12, rights, EPT02_MISCONFIGURED);
		case EPT12_TABLE:
			break;
		}
		if (root->accessed_dirty && !(entry12 & EPT_ENTRY_ACCESSED))	/* is set when all of the walk has passed */
			return f->ahead ? EPT02_RESUME : fault_by_walk(e, &ept12, root, f);
		rights &= (u32)entry12;
		t = ept02_shadow(e, t, i, entry12);
		if (!t)
			return EPT02_NO_PAGES;
	}
}
