/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine around EPT02: a real EPT01, L1's memory with tables of EPT12 in it, a tracker, CPUs with TLBs; and a
 * naive walk of both levels that says what EPT02 may hold. For test_ept02.c, test_ept02_random.c and fuzz_ept02.c,
 * which define CHECK(condition).
 */
#ifndef TESTS_UNIT_EPT02_MODEL_H
#define TESTS_UNIT_EPT02_MODEL_H

#include <stdlib.h>
#include <string.h>

#include "nested/ept02_table.h"

#define CAPS	(EPT_CAP_EXECUTE_ONLY | EPT_CAP_4_LEVELS | EPT_CAP_POINTER_WB | EPT_CAP_2M | EPT_CAP_1G | \
		 EPT_CAP_INVEPT | EPT_CAP_INVEPT_SINGLE | EPT_CAP_ACCESSED_DIRTY)
#define MAXPHYADDR	32u
#define TABLES12	24u
#define TABLES12_AT	0x200000ull		/* L1's tables, one page after the other */
#define OURS		0x40000000ull		/* our range, as L1 calls it */
#define OURS_PAGES	16u
#define ONES		(OURS + 5 * PAGE_SIZE)	/* where it leads */
#define CPUS		2u
#define TLB		32u
#define HISTORY		64u
#define SAMPLES		60u

/* What one EPT12 allows at one address at one time. */
struct allowed { bool any; u64 at; u8 rights, type; bool ipat; };
struct seen { struct allowed of[HISTORY]; u32 count; bool all; };

struct tlb_entry { bool valid; struct ept02_table *root; u64 gpa2, hpa; u8 rights; };
struct cpu { struct ept02_table *root; u64 seen; struct ept02_stream stream; struct tlb_entry tlb[TLB]; u32 next; };

static struct machine {
	struct ept ept01;
	struct ept02 ept02;
	struct ept12_rules rules;
	u64 (*table12)[EPT_ENTRIES];
	void *pool;
	bool tracked[TABLES12], changed[TABLES12];
	u64 watched;			/* a page that somebody else watches; 0: none */
	bool exposed;			/* and was told that L2 may write there */
	struct cpu cpu[CPUS];
	struct seen seen[2][2][SAMPLES];	/* by root page, A/D */
	u32 flushes, lookups, walked_pages, marks;
	struct { u64 source; u8 level; } role[8192];	/* of tables since the last flush */
} m;

/* ---- callbacks: EPT01 ---- */

static void *page_alloc(void *ctx)
{
	(void)ctx;
	return memset(aligned_alloc(PAGE_SIZE, PAGE_SIZE), 0, PAGE_SIZE);
}

static void page_free(void *ctx, void *page)
{
	(void)ctx;
	free(page);
}

static void flush01(void *ctx) { (void)ctx; }

static enum memory_type type_of(void *ctx, u64 at, u64 *same_until)
{
	(void)ctx;
	*same_until = at < 0xc0000000 ? 0xc0000000 : SIZE_4G;
	return at < 0xc0000000 ? MEMTYPE_WB : MEMTYPE_UC;
}

static const struct ept_ops ept01_ops = { page_alloc, page_free, flush01, type_of };

/* ---- callbacks: EPT02 ---- */

static bool holds_tracked(u64 from, u64 size)
{
	for (u32 i = 0; i < TABLES12; i++)
		if (m.tracked[i] && TABLES12_AT + i * PAGE_SIZE - from < size)
			return true;
	return m.watched && m.watched - from < size;
}

static bool lookup(void *ctx, gpa1_t at, struct ept_leaf *leaf)
{
	(void)ctx;
	m.lookups++;
	if (!ept_fill(&m.ept01, at) || !ept_lookup(&m.ept01, at, leaf))
		return false;
	while (leaf->level > 1 && holds_tracked(leaf->from.at, leaf->size)) {
		leaf->level--;
		leaf->size = ept_span(leaf->level);
		leaf->from.at = round_down(at.at, leaf->size);
	}
	return true;
}

static u64 leaf01_of(gpa1_t page)
{
	struct ept_leaf leaf;

	return ept_lookup(&m.ept01, page, &leaf) ? leaf.hpa.at | leaf.rights | EPT_ENTRY_LEAF : 0;
}

static u64 *l1_page(void *ctx, gpa1_t page, u64 leaf01, bool *writable)
{
	(void)ctx;
	CHECK(!leaf01 || leaf01 == leaf01_of(page));
	*writable = (page.at >> PAGE_SHIFT) % 3 != 0 && (leaf01_of(page) & EPT_W);	/* some are marked by l1_cmpxchg() */
	CHECK((page.at & PAGE_MASK) == 0);
	return page.at - TABLES12_AT < TABLES12 * PAGE_SIZE ? m.table12[(page.at - TABLES12_AT) >> PAGE_SHIFT] : NULL;
}

static bool l1_cmpxchg(void *ctx, gpa1_t at, u64 old, u64 new)
{
	u64 *entry = (u64 *)((u8 *)m.table12 + (at.at - TABLES12_AT));

	(void)ctx;
	m.marks++;
	CHECK(at.at - TABLES12_AT < TABLES12 * PAGE_SIZE);
	CHECK((old & ~new) == 0 && ((old ^ new) & ~EPT_ENTRY_MARKS) == 0);
	if (*entry != old)
		return false;
	*entry = new;
	return true;
}

static void flush02(void *ctx)
{
	(void)ctx;
	m.flushes++;
	for (u32 i = 0; i < CPUS; i++)
		memset(m.cpu[i].tlb, 0, sizeof(m.cpu[i].tlb));
	memset(m.role, 0, sizeof(m.role));
}

static const struct ept02_ops ept02_ops = { lookup, l1_page, l1_cmpxchg, flush02 };

static u32 table_number(gpa1_t page) { return (u32)((page.at - TABLES12_AT) >> PAGE_SHIFT); }

static u64 track(void *ctx, gpa1_t page)
{
	(void)ctx;
	if (table_number(page) >= TABLES12)
		return 0;
	CHECK(!m.tracked[table_number(page)]);
	m.tracked[table_number(page)] = true;
	m.changed[table_number(page)] = false;
	return table_number(page) % 2 ? leaf01_of(page) : 0;
}

static void untrack(void *ctx, gpa1_t page)
{
	(void)ctx;
	if (table_number(page) < TABLES12)
		m.tracked[table_number(page)] = false;
}

static u32 take_changed(void *ctx, gpa1_t *pages, u32 max)
{
	u32 given = 0;

	(void)ctx;
	for (u32 i = 0; i < TABLES12 && given < max; i++)
		if (m.tracked[i] && m.changed[i]) {
			m.changed[i] = false;
			pages[given++].at = TABLES12_AT + i * PAGE_SIZE;
		}
	return given;
}

static bool watched(void *ctx, gpa1_t page)
{
	(void)ctx;
	return m.watched && page.at == m.watched && !m.exposed;
}

static void expose(void *ctx, gpa1_t page)
{
	m.exposed |= watched(ctx, page);
}

static const struct ept02_tracker tracker = { track, untrack, take_changed, watched, expose };

/* ---- start and stop ---- */

static void machine_start(u64 caps, u32 pool_pages)
{
	struct flush owed = { .ept = NULL };

	memset(&m, 0, sizeof(m));
	m.table12 = aligned_alloc(PAGE_SIZE, TABLES12 * PAGE_SIZE);
	memset(m.table12, 0, TABLES12 * PAGE_SIZE);
	CHECK(ept_init(&m.ept01, &ept01_ops, NULL, CAPS, MAXPHYADDR));
	CHECK(ept_map_identity(&m.ept01, (gpa1_t){ 0 }, (gpa1_t){ SIZE_4G }));
	for (u32 i = 0; i < OURS_PAGES; i++)
		owed = flush_join(owed, ept_redirect(&m.ept01, (gpa1_t){ OURS + i * PAGE_SIZE }, (hpa_t){ ONES }, EPT_R, MEMTYPE_WB));
	flush_discharge(&owed);
	ept12_rules_init(&m.rules, caps, MAXPHYADDR);
	m.pool = aligned_alloc(PAGE_SIZE, pool_pages * PAGE_SIZE);
	memset(m.pool, 0, pool_pages * PAGE_SIZE);
	CHECK(ept02_init(&m.ept02, &ept02_ops, &tracker, NULL, &m.rules, caps, m.pool, pool_pages * PAGE_SIZE));
}

static void machine_stop(void)
{
	ept_destroy(&m.ept01);
	free(m.table12);
	free(m.pool);
}

/* ---- L1's doings ---- */

static u64 table_at(u32 n) { return TABLES12_AT + n * PAGE_SIZE; }

static inline void l1_write(u32 table, u32 i, u64 entry)
{
	m.table12[table][i] = entry;
	m.changed[table] = true;
}

static u64 eptp12(u32 table, bool accessed_dirty)
{
	return table_at(table) | 0x1e | (accessed_dirty ? EPTP_ACCESSED_DIRTY : 0);
}

/* VM entry of a CPU: flushes when it must. */
static inline void enter(struct cpu *c)
{
	if (c->seen == ept02_generation(c->root))
		return;
	for (u32 i = 0; i < TLB; i++)
		if (c->tlb[i].root == c->root)
			c->tlb[i].valid = false;
	c->seen = ept02_generation(c->root);
}

static void run_on(struct cpu *c, u32 table, bool accessed_dirty)
{
	struct ept02_table *root = ept02_get(&m.ept02, eptp12(table, accessed_dirty));

	CHECK(root != NULL);
	if (c->root)
		ept02_put(c->root);
	if (c->root != root)
		c->seen = 0;
	c->root = root;
	enter(c);
}

static inline void protect(u64 from, u64 length, u32 rights)
{
	struct flush owed = ept_protect(&m.ept01, (gpa1_t){ from }, length, (enum ept_rights)rights);
	struct ept02_flush owed02 = ept02_drop(&m.ept02, (gpa1_t){ from }, length);

	flush_discharge(&owed);
	ept02_flush_discharge(&owed02);
}

/* ---- EPT02 as hardware sees it ---- */

static u64 raw_walk(const struct ept02_table *root, u64 gpa2, u32 *level, u32 *rights)
{
	const u64 *table = (const u64 *)(uptr)(ept02_pointer(root) & EPT_ENTRY_ADDRESS);

	*rights = 7;
	for (*level = 4;; (*level)--) {
		u64 entry = table[gpa2 >> (12 + 9 * (*level - 1)) & 511];

		*rights &= entry & 7;
		if (!(entry & 7))
			return 0;
		CHECK((entry & 3) != 2);
		if (*level == 1 || (entry & 0x80))
			return entry;
		CHECK((entry & 0x78) == 0);
		table = (const u64 *)(uptr)(entry & EPT_ENTRY_ADDRESS);
	}
}

static u64 raw_hpa(u64 entry, u64 gpa2, u32 level)
{
	return (entry & EPT_ENTRY_ADDRESS) | (gpa2 & ((1ull << (12 + 9 * (level - 1))) - 1));
}

/* The access itself: from the TLB, else from the tables; false: a violation. */
static inline bool l2_access(struct cpu *c, u64 gpa2, u32 want)
{
	u32 level, rights;
	u64 entry;

	for (u32 i = 0; i < TLB; i++)
		if (c->tlb[i].valid && c->tlb[i].root == c->root && c->tlb[i].gpa2 == gpa2) {
			if (!(want & ~(u32)c->tlb[i].rights))
				return true;
			c->tlb[i].valid = false;
		}
	entry = raw_walk(c->root, gpa2, &level, &rights);
	if (!entry || (want & ~rights))
		return false;
	c->tlb[c->next++ % TLB] = (struct tlb_entry){ true, c->root, gpa2, raw_hpa(entry, gpa2, level), (u8)rights };
	return true;
}

static inline enum ept02_answer fault(struct cpu *c, u64 gpa2, u32 want, struct ept02_fault *f)
{
	*f = (struct ept02_fault){ .at = { gpa2 }, .want = (enum ept_rights)want, .stream = &c->stream };
	return ept02_fault(&m.ept02, c->root, f);
}

/* ---- the naive walk, written anew ---- */

enum naive { NAIVE_OK, NAIVE_VIOLATION, NAIVE_MISCONFIGURED };

static enum naive naive12(u32 table, u64 gpa2, bool ad, struct allowed *a, u32 *rights, u64 *size)
{
	u64 at = table_at(table);
	bool accessed = true;

	*a = (struct allowed){ .any = false };
	*rights = 7;
	for (u32 level = 4;; level--) {
		u64 e = ~0ull;
		bool leaf, xo = (m.rules.caps & EPT_CAP_EXECUTE_ONLY) != 0;
		u32 r;

		if (at - TABLES12_AT < TABLES12 * PAGE_SIZE)
			e = m.table12[(at - TABLES12_AT) >> 12][gpa2 >> (12 + 9 * (level - 1)) & 511];
		r = e & 7;
		*rights &= r;
		*size = 1ull << (12 + 9 * (level - 1));
		if (r == 0)
			return NAIVE_VIOLATION;
		leaf = level == 1 || (e & 0x80);
		if (r == 2 || r == 6 || (r == 4 && !xo) || (e >> MAXPHYADDR & 0xfffff))
			return NAIVE_MISCONFIGURED;
		if (leaf && (level == 4 || (e >> 3 & 7) == 2 || (e >> 3 & 7) == 3 || (e >> 3 & 7) == 7))
			return NAIVE_MISCONFIGURED;
		if (leaf && (e & 0xffffffff000 & (*size - 1)))
			return NAIVE_MISCONFIGURED;
		if (leaf && ((level == 3 && !(m.rules.caps & EPT_CAP_1G)) || (level == 2 && !(m.rules.caps & EPT_CAP_2M))))
			return NAIVE_MISCONFIGURED;
		if (!leaf && (e & 0x78))
			return NAIVE_MISCONFIGURED;
		accessed = accessed && (e & 0x100);
		at = e & 0xffffffffff000;
		if (!leaf)
			continue;
		*a = (struct allowed){ !ad || accessed, at + (gpa2 & (*size - 1)), (u8)*rights, e >> 3 & 7, (e & 0x40) != 0 };
		if (ad && !(e & 0x200))
			a->rights &= (u8)~2;
		return NAIVE_OK;
	}
}

static u8 naive_merge(u8 a, u8 b) { return a == b ? a : a == 6 ? b : b == 6 ? a : 0; }

/* What EPT02 must hold for an address that EPT12 allows like this; 0 rights: nothing. */
static u32 through_ept01(const struct allowed *a, u64 *hpa, u8 *type)
{
	struct ept_leaf leaf;
	u32 rights;

	if (!a->any || !ept_lookup(&m.ept01, (gpa1_t){ a->at }, &leaf))
		return 0;
	rights = a->rights & leaf.rights;
	if (!(rights & 1))
		rights &= m.rules.caps & EPT_CAP_EXECUTE_ONLY ? 4 : 0;
	*hpa = leaf.hpa.at;
	*type = naive_merge(a->type, (u8)leaf.type);
	return rights;
}

/* ---- what must hold ---- */

static u64 sample(u32 n)
{
	static const u32 low[] = { 0, 1, 2, 9, 511 };

	return (u64)(n / 30) << 39 | (u64)(n / 15 % 2) << 30 | (u64)(n / 5 % 3) << 21 | (u64)low[n % 5] << 12;
}

static struct seen *seen_of(const struct ept02_table *root, u32 n)
{
	return &m.seen[table_number(root->source)][root->accessed_dirty][n];
}

/* After every change of EPT12: what it allows has been seen. */
static inline void remember(void)
{
	for (u32 root = 0; root < 2; root++)
		for (u32 ad = 0; ad < 2; ad++)
			for (u32 n = 0; n < SAMPLES; n++) {
				struct seen *s = &m.seen[root][ad][n];
				struct allowed a;
				u32 rights;
				u64 size;

				(void)naive12(root, sample(n), ad, &a, &rights, &size);
				if (s->count && !memcmp(&a, &s->of[s->count - 1], sizeof(a)))
					continue;
				s->all |= s->count == HISTORY;
				s->of[s->count++ % HISTORY] = a;
				s->count = MIN(s->count, HISTORY);
			}
}

static inline void forget(void)
{
	memset(m.seen, 0, sizeof(m.seen));
	remember();
}

static bool leaf_is(u64 entry, u32 level, u32 rights, u64 gpa2, const struct allowed *a, bool exact)
{
	u64 hpa = 0;
	u8 type = 0;
	u32 want = through_ept01(a, &hpa, &type);

	return want != 0 && (exact ? rights == want : !(rights & ~want)) && raw_hpa(entry, gpa2, level) == (hpa | (gpa2 & PAGE_MASK)) &&
	       (entry >> 3 & 7) == type && ((entry & 0x40) != 0) == a->ipat;
}

/* Every leaf is one that EPT12 had since the last INVEPT (now: has now), through EPT01 as it is. */
static inline void leaves_are_allowed(const struct ept02_table *root, bool now)
{
	for (u32 n = 0; n < SAMPLES; n++) {
		const struct seen *s = seen_of(root, n);
		bool found = s->all && !now;
		u32 level, rights, table_rights;
		struct allowed a;
		u64 size, entry = raw_walk(root, sample(n), &level, &rights);

		if (!entry || !rights)
			continue;
		(void)naive12(table_number(root->source), sample(n), root->accessed_dirty, &a, &table_rights, &size);
		CHECK((1ull << (12 + 9 * (level - 1))) <= size || !now);
		if (now)
			CHECK(leaf_is(entry, level, rights, sample(n), &a, false));
		for (u32 i = 0; i < s->count && !found; i++)
			found = leaf_is(entry, level, rights, sample(n), &s->of[i], false);
		CHECK(found);
	}
}

/* EPT02 never leads to our range but to the page of ones, read only; nor does a TLB, once flushes are paid. */
static inline void ours_is_safe(u64 hpa, u32 rights)
{
	if (hpa - OURS < OURS_PAGES * PAGE_SIZE)
		CHECK(round_down(hpa, PAGE_SIZE) == ONES && rights == EPT_R);
}

static u32 tree_check(const struct ept02_table *t)
{
	u32 count = 1, children = 0, number = (u32)(t - m.ept02.tables);

	CHECK(t->level >= 1 && t->level <= 4);
	/* A page that served something else must not serve this before a flush. */
	CHECK(!m.role[number].level || (m.role[number].level == t->level && m.role[number].source == t->source.at));
	m.role[number].level = t->level;
	m.role[number].source = t->source.at;
	for (u32 i = 0; i < EPT_ENTRIES; i++) {
		u64 slot = t->entries[i];

		if (slot && !ept02_is_link(t, slot)) {
			CHECK(t->level == 1 || (slot & 0x80));
			ours_is_safe(slot & EPT_ENTRY_ADDRESS, slot & 7);
			CHECK((slot & EPT_ENTRY_ADDRESS) < SIZE_4G);
			for (u64 at = 0; t->level > 1 && at < OURS_PAGES; at++)
				CHECK(OURS + at * PAGE_SIZE - (slot & EPT_ENTRY_ADDRESS) >= ept_span(t->level));
		} else if (slot) {
			const struct ept02_table *c = ept02_table_of(&m.ept02, slot);

			CHECK(c->parent == t && c->slot == i && c->root == t->root && c->level == t->level - 1);
			count += tree_check(c);
			children++;
		}
	}
	CHECK(children == t->children);
	return count;
}

static inline void no_table_is_lost(void)
{
	u32 used = 0, other = 0, ring = 0;

	for (u32 i = 0; i < m.ept02.count; i++)
		if (m.ept02.tables[i].level == EPT_LEVELS)
			used += tree_check(&m.ept02.tables[i]);
	for (const struct ept02_table *t = m.ept02.free; t; t = t->next) {
		CHECK(t->level == 0);
		for (u32 i = 0; i < EPT_ENTRIES; i++)
			CHECK(t->entries[i] == 0);
		other++;
	}
	for (const struct ept02_table *t = m.ept02.limbo; t; t = t->next)
		other++;
	for (const struct ept02_table *t = m.ept02.ring->next; t != m.ept02.ring; t = t->next) {
		ring++;
	}
	CHECK(used + other == m.ept02.count && ring == used);
}

/* A CPU that owes no flush holds what the tables have; and none holds what EPT01 forbids. */
static inline void tlbs_are_right(void)
{
	for (u32 i = 0; i < CPUS; i++)
		for (u32 n = 0; n < TLB; n++) {
			const struct tlb_entry *tlb = &m.cpu[i].tlb[n];
			u32 level, rights;
			u64 entry;

			if (!tlb->valid)
				continue;
			ours_is_safe(tlb->hpa, tlb->rights);
			if (tlb->hpa - OURS >= OURS_PAGES * PAGE_SIZE) {
				struct ept_leaf leaf;

				CHECK(ept_lookup(&m.ept01, (gpa1_t){ tlb->hpa }, &leaf) && !(tlb->rights & ~(u32)leaf.rights));
			}
			if (tlb->root != m.cpu[i].root || m.cpu[i].seen != ept02_generation(tlb->root))
				continue;
			entry = raw_walk(tlb->root, tlb->gpa2, &level, &rights);
			CHECK(entry && raw_hpa(entry, tlb->gpa2, level) == tlb->hpa && !(tlb->rights & ~rights));
		}
}

#endif
