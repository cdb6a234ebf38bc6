/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A naive model of EPT01: an array that says, for each page of 4 GiB, what it should be; and a
 * fake TLB that guests fill at every moment they could run. For test_ept.c and test_ept_random.c.
 */
#ifndef TESTS_UNIT_EPT_MODEL_H
#define TESTS_UNIT_EPT_MODEL_H

#include "unit.h"

#include "memory/ept.h"

#define MAXPHYADDR	32u
#define PAGES		(1u << (MAXPHYADDR - PAGE_SHIFT))
#define CAPS_ALL	(EPT_CAP_EXECUTE_ONLY | EPT_CAP_4_LEVELS | EPT_CAP_POINTER_WB | EPT_CAP_2M | \
			 EPT_CAP_1G | EPT_CAP_INVEPT | EPT_CAP_INVEPT_SINGLE | EPT_CAP_ACCESSED_DIRTY)
#define MAX_TABLES	16384u
#define TLB_SLOTS	96u
#define RANGES		12u

struct page { u8 mapped, special, rights, type; u64 target; };
struct tlb_slot { bool valid; u32 page, level; u8 rights; u8 type; u64 target; };
struct range { u32 from, to; u8 type; };

static struct machine {
	struct ept ept;
	struct page *model;
	struct range ranges[RANGES];
	u8 default_type;
	struct tlb_slot tlb[TLB_SLOTS];
	const void *walkable[MAX_TABLES];	/* tables a CPU may have in its paging-structure caches */
	u32 walkables, allocated, flushes, random;
	int pages_left;				/* -1: no limit */
	bool guests_run;
} m;

static u32 rnd(u32 below)
{
	m.random = m.random * 1664525u + 1013904223u;
	return (u32)(((u64)m.random * below) >> 32);
}

/* ---- memory types: ranges over a default, answers that may fall short of the next change ---- */

static u8 type_of_page(u32 page)
{
	for (u32 i = 0; i < RANGES; i++)
		if (page >= m.ranges[i].from && page < m.ranges[i].to)
			return m.ranges[i].type;
	return m.default_type;
}

static enum memory_type type_of(void *ctx, u64 at, u64 *same_until)
{
	u32 page = (u32)(at >> PAGE_SHIFT), until = PAGES;

	(void)ctx;
	for (u32 i = 0; i < RANGES; i++) {
		if (m.ranges[i].from > page)
			until = MIN(until, m.ranges[i].from);
		if (m.ranges[i].to > page)
			until = MIN(until, m.ranges[i].to);
	}
	*same_until = (u64)until << PAGE_SHIFT;
	return (enum memory_type)type_of_page(page);
}

/* ---- the tree as hardware sees it, read independently of the code under test ---- */

static u64 raw_walk(u32 page, u32 *level)
{
	const u64 *table = m.ept.root;

	for (*level = 4; ; (*level)--) {
		u64 entry = table[(page >> (9 * (*level - 1))) & 511];

		if ((entry & 7) == 0 || *level == 1 || (entry & BIT64(7)))
			return entry;
		table = (const u64 *)(uptr)(entry & EPT_ENTRY_ADDRESS);
	}
}

static u64 raw_target(u64 entry, u32 page, u32 level)
{
	return (entry & EPT_ENTRY_ADDRESS) + ((u64)(page & ((1u << (9 * (level - 1))) - 1)) << PAGE_SHIFT);
}

static void guest_touches(u32 page)
{
	u32 level;
	u64 entry = raw_walk(page, &level);

	if ((entry & 7) != 0)
		m.tlb[rnd(TLB_SLOTS)] = (struct tlb_slot){ true, page, level, entry & 7, (entry >> 3) & 7,
							   raw_target(entry, page, level) };
}

static void guests_run(void)
{
	static const u32 near[] = { 0, 1, 511, 512, 513, 262143, 262144, 262145 };

	if (!m.guests_run)
		return;
	for (u32 i = 0; i < 12; i++)
		guest_touches(rnd(2) ? rnd(PAGES) : rnd(8) * 512 + rnd(512));
	for (u32 i = 0; i < ARRAY_SIZE(near); i++)
		guest_touches(near[i]);
}

/* No live translation was replaced by one of another size. */
static void tlb_sizes_are_right(void)
{
	for (u32 i = 0; i < TLB_SLOTS; i++) {
		u32 level;

		if (m.tlb[i].valid && (raw_walk(m.tlb[i].page, &level) & 7) != 0)
			assert_int_equal(level, m.tlb[i].level);
	}
}

/* With nothing owed, no CPU can do more than the tables say. */
static inline void tlb_is_harmless(void)
{
	for (u32 i = 0; i < TLB_SLOTS; i++) {
		const struct tlb_slot *slot = &m.tlb[i];
		u32 level;
		u64 entry;

		if (!slot->valid)
			continue;
		entry = raw_walk(slot->page, &level);
		assert_int_equal(slot->rights & ~entry & 7, 0);
		assert_int_equal(slot->type, (entry >> 3) & 7);
		assert_int_equal(slot->target, raw_target(entry, slot->page, level));
	}
}

static void walkable_add(const u64 *table, u32 level)
{
	assert_true(m.walkables < MAX_TABLES);
	m.walkable[m.walkables++] = table;
	for (u32 i = 0; level > 1 && i < 512; i++)
		if ((table[i] & 7) != 0 && !(table[i] & BIT64(7)))
			walkable_add((const u64 *)(uptr)(table[i] & EPT_ENTRY_ADDRESS), level - 1);
}

/* ---- callbacks ---- */

static void *page_alloc(void *ctx)
{
	void *page;

	(void)ctx;
	if (m.pages_left == 0)
		return NULL;
	if (m.pages_left > 0)
		m.pages_left--;
	page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	assert_non_null(page);
	memset(page, 0, PAGE_SIZE);
	m.allocated++;
	return page;
}

static void page_free(void *ctx, void *page)
{
	(void)ctx;
	for (u32 i = 0; i < m.walkables && m.guests_run; i++)
		assert_ptr_not_equal(m.walkable[i], page);
	if (m.pages_left >= 0)
		m.pages_left++;
	m.allocated--;
	free(page);
}

static void flush_now(void *ctx)
{
	(void)ctx;
	m.flushes++;
	tlb_sizes_are_right();
	memset(m.tlb, 0, sizeof(m.tlb));
	m.walkables = 0;
	walkable_add(m.ept.root, 4);
	guests_run();
}

static const struct ept_ops ops = { page_alloc, page_free, flush_now, type_of };

static void machine_start(u64 caps, u32 seed)
{
	memset(&m, 0, sizeof(m));
	m.random = seed;
	m.pages_left = -1;
	m.default_type = MEMTYPE_WB;
	m.model = calloc(PAGES, sizeof(*m.model));
	assert_true(ept_init(&m.ept, &ops, NULL, caps, MAXPHYADDR));
}

static void machine_stop(void)
{
	m.guests_run = false;
	ept_destroy(&m.ept);
	assert_int_equal(m.allocated, 0);
	free(m.model);
}

/* ---- the model's operations ---- */

static void model_map(u32 from, u32 to)
{
	for (u32 p = from; p < to; p++)
		if (!m.model[p].mapped)
			m.model[p] = (struct page){ 1, 0, 7, type_of_page(p), (u64)p << PAGE_SHIFT };
}

static bool level_allowed(u32 level)
{
	return level == 1 || (level == 2 && (m.ept.caps & EPT_CAP_2M)) || (level == 3 && (m.ept.caps & EPT_CAP_1G));
}

static inline void model_fill(u32 page)
{
	if (m.model[page].mapped)
		return;
	for (u32 level = 3; level > 0; level--) {
		u32 count = 1u << (9 * (level - 1)), from = page & ~(count - 1), p;

		if (!level_allowed(level))
			continue;
		for (p = from; p < from + count; p++)
			if (m.model[p].mapped || type_of_page(p) != type_of_page(from))
				break;
		if (p == from + count) {
			model_map(from, p);
			return;
		}
	}
}

static u8 model_rights(u32 rights)
{
	if (rights & EPT_R)
		return (u8)rights;
	return (m.ept.caps & EPT_CAP_EXECUTE_ONLY) ? rights & EPT_X : 0;
}

static inline void model_protect(u32 from, u32 to, u32 rights)
{
	for (u32 p = from; p < to; p++) {
		model_fill(p);
		if (!m.model[p].special)
			m.model[p].rights = model_rights(rights);
	}
}

static inline void model_retype(u32 from, u32 to)
{
	for (u32 p = from; p < to; p++)
		if (m.model[p].mapped && !m.model[p].special)
			m.model[p].type = type_of_page(p);
}

/* ---- tree against model ---- */

static void leaf_is(u64 entry, u32 page, u32 first, u32 level)
{
	struct page *want = &m.model[page];

	assert_int_equal(want->mapped, entry != 0);
	if (entry == 0)
		return;
	assert_int_equal(want->rights, entry & 7);
	assert_int_equal(want->type, (entry >> 3) & 7);
	assert_int_equal(want->special, (entry & EPT_ENTRY_SPECIAL) != 0);
	assert_int_equal(want->target, raw_target(entry, page, level));
	assert_int_equal(level > 1, (entry & BIT64(7)) != 0);
	assert_int_equal(raw_target(entry, first, level) & (ept_span(level) - 1), 0);
	assert_true(level_allowed(level));
}

/* Returns the number of tables; checks every page, or of each leaf its ends and one between. */
static u32 tree_is_the_model(const u64 *table, u32 level, u32 first, bool every_page)
{
	u32 span = level == 4 ? PAGES : 1u << (9 * (level - 1)), tables = 1;
	bool uniform = level < 4 && level_allowed(level + 1);

	for (u32 i = 0; i < 512; i++) {
		u64 entry = table[i];
		u32 from = first + i * span;

		if (from >= PAGES || (level == 4 && i > 0)) {
			assert_int_equal(entry, 0);
			continue;
		}
		if (entry != 0 && !(entry & EPT_ENTRY_LEAF)) {
			assert_int_equal(entry & 7, 7);
			tables += tree_is_the_model((const u64 *)(uptr)(entry & EPT_ENTRY_ADDRESS), level - 1,
						    from, every_page);
			uniform = false;
			continue;
		}
		for (u32 p = 0; every_page && p < span; p++)
			leaf_is(entry, from + p, from, level);
		leaf_is(entry, from, from, level);
		leaf_is(entry, from + span - 1, from, level);
		leaf_is(entry, from + rnd(span), from, level);
		if (entry == 0 || (entry & EPT_ENTRY_SPECIAL) || ((entry ^ table[0]) & 0x3f) != 0 ||
		    raw_target(entry, from, level) != raw_target(table[0], first, level) + i * ept_span(level))
			uniform = false;
	}
	assert_false(uniform);	/* or a larger leaf could have stood there */
	return tables;
}

static void all_is_well(bool every_page)
{
	assert_int_equal(tree_is_the_model(m.ept.root, 4, 0, every_page), m.ept.tables);
	assert_int_equal(m.allocated, m.ept.tables + m.ept.reserved);
}

static inline gpa1_t gpa(u32 page) { return (gpa1_t){ (u64)page << PAGE_SHIFT }; }

#endif
