/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT01 against a naive model: an array that says, for each page of 4 GiB, what it should be;
 * and a fake TLB that guests fill at every moment they could run.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

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
static void tlb_is_harmless(void)
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

static void model_fill(u32 page)
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

static void model_protect(u32 from, u32 to, u32 rights)
{
	for (u32 p = from; p < to; p++) {
		model_fill(p);
		if (!m.model[p].special)
			m.model[p].rights = model_rights(rights);
	}
}

static void model_retype(u32 from, u32 to)
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

/* ---- random operations ---- */

static gpa1_t gpa(u32 page) { return (gpa1_t){ (u64)page << PAGE_SHIFT }; }

static void random_range(u32 *from, u32 *to)
{
	static const u32 sizes[] = { 1, 2, 8, 511, 512, 513, 2048, 40000, 262144, 600000 };
	u32 length = sizes[rnd(ARRAY_SIZE(sizes))];

	*from = rnd(3) == 0 ? rnd(PAGES) : rnd(8) * 512 + rnd(512);
	if (rnd(3) == 0)
		*from &= ~511u;
	if (rnd(16) == 0)
		*from &= ~262143u;
	length = rnd(2) ? length : 1 + rnd(length);
	*to = MIN(PAGES, *from + length);
}

static struct flush random_protect(void)
{
	u32 from, to, rights = rnd(2) ? EPT_RWX : rnd(8);
	struct flush owed;
	bool mapped = true;

	random_range(&from, &to);
	for (u32 p = from; p < to; p++)
		mapped = mapped && m.model[p].mapped;
	if (mapped && rnd(4) == 0)
		m.pages_left = (int)rnd(3);
	owed = rights == EPT_RWX ? ept_unprotect(&m.ept, gpa(from), (u64)(to - from) << PAGE_SHIFT)
				 : ept_protect(&m.ept, gpa(from), (u64)(to - from) << PAGE_SHIFT, (enum ept_rights)rights);
	assert_true(!owed.failed || m.pages_left >= 0);
	m.pages_left = -1;
	if (!owed.failed)
		model_protect(from, to, rights);
	owed.failed = false;
	return owed;
}

static struct flush random_redirect(void)
{
	u32 page = rnd(4) * 512 * 3 + rnd(32), rights = rnd(2) ? EPT_R : rnd(8);
	u64 to = (u64)rnd(64) << PAGE_SHIFT;
	struct flush owed = ept_redirect(&m.ept, gpa(page), (hpa_t){ to }, (enum ept_rights)rights, MEMTYPE_WB);

	assert_false(owed.failed);
	m.model[page] = (struct page){ 1, 1, model_rights(rights), MEMTYPE_WB, to };
	return owed;
}

static struct flush random_retype(void)
{
	static const u8 types[] = { MEMTYPE_UC, MEMTYPE_WC, MEMTYPE_WT, MEMTYPE_WP, MEMTYPE_WB };
	struct range *range = &m.ranges[rnd(RANGES)];
	struct range before = *range;
	struct flush owed;

	random_range(&range->from, &range->to);
	range->type = types[rnd(ARRAY_SIZE(types))];
	if (rnd(2))
		range->to = range->from;	/* gone */
	if (rnd(2)) {
		owed = ept_retype(&m.ept, gpa(0), gpa(PAGES));
		model_retype(0, PAGES);
	} else {
		owed = ept_retype(&m.ept, gpa(before.from), gpa(before.to));
		owed = flush_join(owed, ept_retype(&m.ept, gpa(range->from), gpa(range->to)));
		model_retype(before.from, before.to);
		model_retype(range->from, range->to);
	}
	assert_false(owed.failed);
	return owed;
}

static struct flush random_fill(void)
{
	u32 page = rnd(PAGES);

	assert_true(ept_fill(&m.ept, gpa(page)));
	model_fill(page);
	return (struct flush){ .ept = NULL };
}

static struct flush random_map(void)
{
	u32 from, to;

	random_range(&from, &to);
	assert_true(ept_map_identity(&m.ept, gpa(from), gpa(to)));
	model_map(from, to);
	return (struct flush){ .ept = NULL };
}

static void random_operations(u64 caps, u32 seed, u32 count)
{
	struct flush outstanding = { .ept = NULL };

	machine_start(caps, seed);
	m.guests_run = true;
	for (u32 i = 0; i < count; i++) {
		u32 dice = rnd(40);
		struct flush owed = dice < 1 ? random_map() : dice < 2 ? random_fill() :
				    dice < 10 ? random_redirect() : dice < 14 ? random_retype() : random_protect();

		tlb_sizes_are_right();
		outstanding = flush_join(outstanding, owed);
		guests_run();
		walkable_add(m.ept.root, 4);
		if (rnd(2))
			flush_discharge(&outstanding);
		if (outstanding.ept == NULL)
			tlb_is_harmless();
		all_is_well(i % 100 == 0);
		if (m.walkables > MAX_TABLES / 2) {
			flush_now(NULL);
			m.ept.stale = false;
		}
	}
	all_is_well(true);
	machine_stop();
}

static void random_operations_match_the_naive_model(void **state)
{
	(void)state;
	for (u32 seed = 1; seed <= 3; seed++)
		random_operations(CAPS_ALL, seed, 1000);
}

static void random_operations_match_without_large_leaves_or_execute_only(void **state)
{
	(void)state;
	random_operations(CAPS_ALL & ~(EPT_CAP_1G | EPT_CAP_EXECUTE_ONLY), 11, 500);
	random_operations(CAPS_ALL & ~(EPT_CAP_2M | EPT_CAP_1G), 12, 30);
}

/* ---- single promises ---- */

static void machine_with_all_memory(void)
{
	machine_start(CAPS_ALL, 1);
	assert_true(ept_map_identity(&m.ept, gpa(0), gpa(PAGES)));
	model_map(0, PAGES);
	m.guests_run = true;
	guests_run();
}

static void uniform_memory_takes_two_tables(void **state)
{
	(void)state;
	machine_with_all_memory();
	all_is_well(true);
	assert_int_equal(m.ept.tables, 2);
	assert_int_equal(m.flushes, 0);
	machine_stop();
}

static void a_deep_split_costs_one_flush_and_owes_none(void **state)
{
	struct flush owed;

	(void)state;
	machine_with_all_memory();
	owed = ept_protect(&m.ept, gpa(1000), PAGE_SIZE, EPT_RX);
	assert_false(owed.failed);
	assert_null(owed.ept);
	assert_int_equal(m.flushes, 1);
	assert_int_equal(m.ept.tables, 4);
	machine_stop();
}

static void a_merge_over_two_levels_costs_one_flush(void **state)
{
	struct flush owed;

	(void)state;
	machine_with_all_memory();
	owed = ept_protect(&m.ept, gpa(1000), PAGE_SIZE, EPT_RX);
	m.flushes = 0;
	owed = ept_unprotect(&m.ept, gpa(1000), PAGE_SIZE);
	assert_null(owed.ept);
	assert_int_equal(m.flushes, 1);
	assert_int_equal(m.ept.tables, 2);
	all_is_well(true);
	machine_stop();
}

static void losing_rights_owes_a_flush_and_gaining_them_none(void **state)
{
	struct flush owed;

	(void)state;
	machine_with_all_memory();
	owed = ept_protect(&m.ept, gpa(1000), 2 * PAGE_SIZE, EPT_R);
	m.flushes = 0;
	owed = ept_protect(&m.ept, gpa(1000), PAGE_SIZE, EPT_RX);
	assert_null(owed.ept);
	owed = ept_protect(&m.ept, gpa(1000), PAGE_SIZE, EPT_NONE);
	assert_ptr_equal(owed.ept, &m.ept);
	assert_int_equal(m.flushes, 0);
	flush_discharge(&owed);
	assert_int_equal(m.flushes, 1);
	owed = ept_protect(&m.ept, gpa(1000), PAGE_SIZE, EPT_NONE);
	assert_null(owed.ept);
	machine_stop();
}

static void a_debt_is_paid_once(void **state)
{
	struct flush first, second;

	(void)state;
	machine_with_all_memory();
	first = ept_redirect(&m.ept, gpa(7), (hpa_t){ 0x5000 }, EPT_R, MEMTYPE_WB);
	first = ept_redirect(&m.ept, gpa(7), (hpa_t){ 0x6000 }, EPT_R, MEMTYPE_WB);
	second = ept_redirect(&m.ept, gpa(7), (hpa_t){ 0x7000 }, EPT_RW, MEMTYPE_WB);
	assert_non_null(first.ept);
	assert_non_null(second.ept);
	m.flushes = 0;
	flush_discharge(&second);
	flush_discharge(&first);
	assert_int_equal(m.flushes, 1);
	machine_stop();
}

static void redirected_pages_ignore_protections_and_types(void **state)
{
	struct ept_leaf leaf;
	struct flush owed;

	(void)state;
	machine_with_all_memory();
	owed = ept_redirect(&m.ept, gpa(600), (hpa_t){ 0x5000 }, EPT_R, MEMTYPE_WB);
	owed = flush_join(owed, ept_protect(&m.ept, gpa(0), 4096 * PAGE_SIZE, EPT_RWX));
	m.default_type = MEMTYPE_WT;
	owed = flush_join(owed, ept_retype(&m.ept, gpa(0), gpa(PAGES)));
	flush_discharge(&owed);
	assert_true(ept_lookup(&m.ept, (gpa1_t){ (600ull << PAGE_SHIFT) + 0x123 }, &leaf));
	assert_true(leaf.special);
	assert_int_equal(leaf.hpa.at, 0x5123);
	assert_int_equal(leaf.rights, EPT_R);
	assert_int_equal(leaf.type, MEMTYPE_WB);
	assert_true(ept_lookup(&m.ept, gpa(601), &leaf));
	assert_int_equal(leaf.type, MEMTYPE_WT);
	machine_stop();
}

static void redirected_pages_stay_single_even_where_a_leaf_could_hold_them(void **state)
{
	struct ept_leaf leaf;
	struct flush owed;

	(void)state;
	machine_with_all_memory();
	for (u32 p = 0; p < 512; p++) {
		owed = ept_redirect(&m.ept, gpa(p), (hpa_t){ gpa(p).at }, EPT_RWX, MEMTYPE_WB);
		flush_discharge(&owed);
	}
	owed = ept_protect(&m.ept, gpa(0), 4096 * PAGE_SIZE, EPT_RWX);
	flush_discharge(&owed);
	assert_true(ept_lookup(&m.ept, gpa(5), &leaf));
	assert_true(leaf.special);
	assert_int_equal(leaf.level, 1);
	machine_stop();
}

static void rights_the_cpu_cannot_express_are_lost_never_gained(void **state)
{
	static const struct { u64 lacking; enum ept_rights asked, got; } cases[] = {
		{ 0, EPT_W, EPT_NONE }, { 0, EPT_X, EPT_X }, { 0, EPT_W | EPT_X, EPT_X }, { 0, EPT_RW, EPT_RW },
		{ EPT_CAP_EXECUTE_ONLY, EPT_X, EPT_NONE }, { EPT_CAP_EXECUTE_ONLY, EPT_RX, EPT_RX },
	};
	struct ept_leaf leaf;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flush owed;

		machine_start(CAPS_ALL & ~cases[i].lacking, 1);
		owed = ept_protect(&m.ept, gpa(5), PAGE_SIZE, cases[i].asked);
		flush_discharge(&owed);
		assert_true(ept_lookup(&m.ept, gpa(5), &leaf));
		assert_int_equal(leaf.rights, cases[i].got);
		machine_stop();
	}
}

static void beyond_the_limit_nothing_is_mapped_or_protected(void **state)
{
	struct ept_leaf leaf;

	(void)state;
	machine_with_all_memory();
	assert_false(ept_fill(&m.ept, (gpa1_t){ SIZE_4G }));
	assert_false(ept_fill(&m.ept, (gpa1_t){ ~0ull }));
	assert_false(ept_lookup(&m.ept, (gpa1_t){ BIT64(48) }, &leaf));
	assert_true(ept_protect(&m.ept, gpa(PAGES - 1), 2 * PAGE_SIZE, EPT_R).failed);
	assert_true(ept_protect(&m.ept, gpa(4), ~0ull, EPT_R).failed);
	assert_true(ept_redirect(&m.ept, (gpa1_t){ SIZE_4G }, (hpa_t){ 0 }, EPT_R, MEMTYPE_WB).failed);
	all_is_well(true);
	machine_stop();
}

static void without_pages_a_protection_fails_whole(void **state)
{
	struct flush owed = { .ept = NULL };
	u32 done = 0;

	(void)state;
	machine_with_all_memory();
	m.pages_left = 0;
	for (u32 gib = 0; gib < 4; gib++) {
		owed = ept_protect(&m.ept, gpa(gib * 262144 + 5), PAGE_SIZE, EPT_R);
		done += !owed.failed;
		if (!owed.failed)
			model_protect(gib * 262144 + 5, gib * 262144 + 6, EPT_R);
		flush_discharge(&owed);
	}
	assert_in_range(done, 1, 2);
	all_is_well(true);
	/* What needs no split is still served. */
	owed = ept_protect(&m.ept, gpa(5), PAGE_SIZE, EPT_NONE);
	assert_false(owed.failed);
	machine_stop();
}

static void without_pages_types_become_uncached_not_wrong(void **state)
{
	struct ept_leaf leaf;
	struct flush owed;

	(void)state;
	machine_with_all_memory();
	m.pages_left = 0;
	m.ranges[0] = (struct range){ 100, 300000, MEMTYPE_WT };
	owed = ept_retype(&m.ept, gpa(0), gpa(PAGES));
	assert_true(owed.failed);
	flush_discharge(&owed);
	for (u32 p = 0; p < PAGES; p += 99) {
		assert_true(ept_lookup(&m.ept, gpa(p), &leaf));
		assert_true(leaf.type == MEMTYPE_UC || leaf.type == (enum memory_type)type_of_page(p));
	}
	machine_stop();
}

static void without_pages_a_fill_says_so_and_recovers(void **state)
{
	(void)state;
	machine_start(CAPS_ALL, 1);
	m.pages_left = 0;
	assert_false(ept_fill(&m.ept, gpa(9)));
	all_is_well(true);
	m.pages_left = -1;
	assert_true(ept_fill(&m.ept, gpa(9)));
	model_fill(9);
	all_is_well(true);
	m.pages_left = 0;
	assert_false(ept_init(&(struct ept){ 0 }, &ops, NULL, CAPS_ALL, MAXPHYADDR));
	m.pages_left = 3;
	assert_false(ept_init(&(struct ept){ 0 }, &ops, NULL, CAPS_ALL, MAXPHYADDR));
	machine_stop();
}

static void the_pointer_and_capabilities_read_as_the_sdm_says(void **state)
{
	(void)state;
	assert_int_equal(eptp_make((hpa_t){ 0x12345000 }, false), 0x1234501e);
	assert_int_equal(eptp_make((hpa_t){ 0x12345000 }, true), 0x1234505e);
	assert_null(ept_caps_lacking(CAPS_ALL));
	assert_string_equal(ept_caps_lacking(CAPS_ALL & ~EPT_CAP_4_LEVELS), "EPT walks of 4 levels");
	assert_non_null(ept_caps_lacking(CAPS_ALL & ~EPT_CAP_INVEPT_SINGLE));
	machine_start(CAPS_ALL & ~EPT_CAP_ACCESSED_DIRTY, 1);
	assert_int_equal(ept_pointer(&m.ept), ept_root(&m.ept).at | 0x1e);
	machine_stop();
}

static void an_entry_is_swapped_whole(void **state)
{
	u64 entry = 0x1111222233334444ull;

	(void)state;
	assert_int_equal(ept_entry_swap(&entry, 0x5555666677778888ull), 0x1111222233334444ull);
	assert_int_equal(ept_entry_get(&entry), 0x5555666677778888ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uniform_memory_takes_two_tables),
		cmocka_unit_test(a_deep_split_costs_one_flush_and_owes_none),
		cmocka_unit_test(a_merge_over_two_levels_costs_one_flush),
		cmocka_unit_test(losing_rights_owes_a_flush_and_gaining_them_none),
		cmocka_unit_test(a_debt_is_paid_once),
		cmocka_unit_test(redirected_pages_ignore_protections_and_types),
		cmocka_unit_test(redirected_pages_stay_single_even_where_a_leaf_could_hold_them),
		cmocka_unit_test(rights_the_cpu_cannot_express_are_lost_never_gained),
		cmocka_unit_test(beyond_the_limit_nothing_is_mapped_or_protected),
		cmocka_unit_test(without_pages_a_protection_fails_whole),
		cmocka_unit_test(without_pages_types_become_uncached_not_wrong),
		cmocka_unit_test(without_pages_a_fill_says_so_and_recovers),
		cmocka_unit_test(the_pointer_and_capabilities_read_as_the_sdm_says),
		cmocka_unit_test(an_entry_is_swapped_whole),
		cmocka_unit_test(random_operations_match_the_naive_model),
		cmocka_unit_test(random_operations_match_without_large_leaves_or_execute_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
