/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT02: the start, its roots, and what EPT01 has. */
#include "nested/ept02_table.h"
#include "nested/memory_type.h"

#define WRITABLE_WORDS	64u		/* for each page of the pool: four bits a page of L1's, if the pool is RAM/512 */

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
	bool writable;
	const u64 *page = ept02_page(ctx, (gpa1_t){ round_down(at.at, PAGE_SIZE) }, 0, &writable);

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
			     .bucket_shift = 32 - log2_of(buckets), .writable = memory, .writable_mask = (u32)(words * 32 - 1) };
	e->count = bytes < fixed ? 0 : (u32)((bytes - fixed) / (PAGE_SIZE + sizeof(*e->tables)));
	if (e->count < EPT02_TABLES_MIN)
		return false;
	e->buckets = (struct ept02_table **)(e->writable + words);
	e->tables = (struct ept02_table *)(e->buckets + buckets);
	pages = (u64 *)(uptr)round_up((uptr)(e->tables + e->count + 1), PAGE_SIZE);
	for (u32 i = e->count; i-- > 0; e->free = &e->tables[i]) {
		ept02_table_init(&e->tables[i], pages + i * EPT_ENTRIES);
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
