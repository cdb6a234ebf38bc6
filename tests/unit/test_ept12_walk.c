/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk of L1's EPT: what is a violation, what a misconfiguration, bit by bit at every level, which rights
 * are reported, and when A and D are set.
 * Links: xmhf/runtime/nested/ept12_walk.c
 */
#include "unit.h"

#include "nested/ept12_walk.h"

#define CAPS	(EPT_CAP_EXECUTE_ONLY | EPT_CAP_4_LEVELS | EPT_CAP_POINTER_WB | EPT_CAP_2M | EPT_CAP_1G | \
		 EPT_CAP_ACCESSED_DIRTY)
#define MAXPHYADDR	40u
#define TABLES	8u
#define AT	0x5000000ull		/* where L1 keeps its tables */
#define GPA2	0x0000123456789abcull
#define WB_RWX	(6ull << 3 | 7)
#define A	EPT_ENTRY_ACCESSED
#define D	EPT_ENTRY_DIRTY

static struct l1 {
	u64 table[TABLES][EPT_ENTRIES];
	struct ept12_rules rules;
	struct ept12 ept;
	struct ept12_translation t;
	u32 reads, marks, lost_races;
	u64 marked[8];			/* where, in order */
	bool room;
	u32 logged;
	gpa2_t logged_page;
} l1;

static u64 read_entry(void *ctx, gpa1_t at)
{
	l1.reads++;
	if (at.at < AT || at.at >= AT + sizeof(l1.table))
		return ~0ull;
	return l1.table[(at.at - AT) >> PAGE_SHIFT][(at.at & PAGE_MASK) / 8];
}

static bool cmpxchg_entry(void *ctx, gpa1_t at, u64 old, u64 new)
{
	u64 *entry = &l1.table[(at.at - AT) >> PAGE_SHIFT][(at.at & PAGE_MASK) / 8];

	if (l1.lost_races > 0 && l1.lost_races--)
		return false;
	if (*entry != old)
		return false;
	*entry = new;
	l1.marked[l1.marks++ % 8] = at.at;
	return true;
}

static bool has_room(void *ctx) { return l1.room; }
static void dirtied(void *ctx, gpa2_t page) { l1.logged++; l1.logged_page = page; }

static const struct ept12_memory memory = { read_entry, cmpxchg_entry, NULL };
static const struct ept12_log page_log = { has_room, dirtied, NULL };

static u64 *entry(u32 level) { return &l1.table[4 - level][ept_index(GPA2, level)]; }
static u64 entry_at(u32 level) { return AT + (4 - level) * PAGE_SIZE + ept_index(GPA2, level) * 8; }

/* GPA2 is mapped by a leaf at @leaf_level; every entry allows all. */
static void start(u64 caps, u32 leaf_level)
{
	memset(&l1, 0, sizeof(l1));
	ept12_rules_init(&l1.rules, caps, MAXPHYADDR);
	l1.ept = (struct ept12){ &l1.rules, &memory, NULL, { AT }, false };
	for (u32 level = 4; level > leaf_level; level--)
		*entry(level) = (AT + (5 - level) * PAGE_SIZE) | EPT_RWX;
	*entry(leaf_level) = 0x40000000ull | WB_RWX | (leaf_level > 1 ? EPT_ENTRY_LARGE : 0);
}

static enum ept12_status go(u32 want)
{
	return ept12_walk(&l1.ept, (gpa2_t){ GPA2 }, (enum ept_rights)want, &l1.t);
}

PROMISE(pages_of_all_sizes_are_translated)
{
	for (u32 level = 1; level <= 3; level++) {
		start(CAPS, level);
		assert_int_equal(go(EPT_RWX), EPT12_OK);
		assert_int_equal(l1.t.at.at, 0x40000000 + (GPA2 & (ept_span(level) - 1)));
		assert_int_equal(l1.t.level, level);
		assert_int_equal(l1.t.rights, EPT_RWX);
		assert_int_equal(l1.t.type, MEMTYPE_WB);
		assert_int_equal(l1.reads, 5 - level);
		assert_false(l1.t.ignore_pat);
		*entry(level) |= EPT_ENTRY_IPAT;
		assert_int_equal(go(EPT_R), EPT12_OK);
		assert_true(l1.t.ignore_pat);
	}
}

PROMISE(rights_are_those_of_all_levels_together)
{
	for (u32 level = 1; level <= 4; level++)
		for (u32 rights = 1; rights < 8; rights++)
			for (u32 want = 1; want < 8; want++) {
				bool bad = !(rights & EPT_R) && (rights & EPT_W);

				start(CAPS, 1);
				*entry(level) = (*entry(level) & ~7ull) | rights;
				assert_int_equal(go(want), bad ? EPT12_MISCONFIGURED : want & ~rights ? EPT12_VIOLATION : EPT12_OK);
				if (!bad)
					assert_int_equal(l1.t.rights, rights);
			}
}

PROMISE(an_absent_entry_is_a_violation_with_no_rights_whatever_its_other_bits)
{
	for (u32 level = 1; level <= 4; level++) {
		start(CAPS, 1);
		*entry(level) = ~7ull;
		assert_int_equal(go(EPT_R), EPT12_VIOLATION);
		assert_int_equal(l1.t.level, level);
		assert_int_equal(l1.t.rights, 0);
		assert_int_equal(l1.t.entry[level], ~7ull);
	}
}

PROMISE(addresses_that_four_levels_cannot_translate_are_violations)
{
	start(CAPS, 1);
	assert_int_equal(ept12_walk(&l1.ept, (gpa2_t){ BIT64(48) }, EPT_R, &l1.t), EPT12_VIOLATION);
	assert_int_equal(l1.t.rights, 0);
	assert_int_equal(l1.reads, 0);
}

PROMISE(misconfigurations_come_before_rights)
{
	start(CAPS, 1);
	*entry(4) &= ~(u64)EPT_W;
	*entry(1) |= 7 << 3;
	assert_int_equal(go(EPT_W), EPT12_MISCONFIGURED);
	*entry(4) = 0;
	assert_int_equal(go(EPT_W), EPT12_VIOLATION);
}

PROMISE(execute_only_needs_the_capability_at_every_level)
{
	for (u32 level = 1; level <= 4; level++) {
		start(CAPS & ~EPT_CAP_EXECUTE_ONLY, 1);
		*entry(level) &= ~(u64)EPT_RW;
		assert_int_equal(go(EPT_X), EPT12_MISCONFIGURED);
		start(CAPS, 1);
		*entry(level) &= ~(u64)EPT_RW;
		assert_int_equal(go(EPT_X), EPT12_OK);
	}
}

/* SDM tables 29-1 to 29-6, one bit at a time. */
PROMISE(every_reserved_bit_is_a_misconfiguration_and_no_other_is)
{
	static const struct { u32 leaf_level, level; u64 reserved; } cases[] = {
		{ 1, 4, 0xf8 }, { 1, 3, 0x78 }, { 1, 2, 0x78 }, { 1, 1, 0 },
		{ 2, 2, 0x1ff000 }, { 3, 3, 0x3ffff000 },
	};
	u64 beyond = 0x000fff0000000000ull;

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
		for (u32 bit = 3; bit < 64; bit++) {
			u64 flag = BIT64(bit);
			bool address = flag & 0xfffffff000ull & ~cases[i].reserved, type = flag & 0x38 & ~cases[i].reserved;
			bool large = flag == EPT_ENTRY_LARGE && cases[i].level > 1 && !(cases[i].reserved & flag);

			if (address || large || (type && cases[i].level == cases[i].leaf_level))
				continue;
			start(CAPS, cases[i].leaf_level);
			*entry(cases[i].level) |= flag;
			assert_int_equal(go(EPT_R), flag & (cases[i].reserved | beyond) ? EPT12_MISCONFIGURED : EPT12_OK);
		}
}

PROMISE(large_pages_need_their_capability)
{
	start(CAPS & ~EPT_CAP_2M, 2);
	assert_int_equal(go(EPT_R), EPT12_MISCONFIGURED);
	start(CAPS & ~EPT_CAP_1G, 2);
	assert_int_equal(go(EPT_R), EPT12_OK);
	start(CAPS & ~EPT_CAP_1G, 3);
	assert_int_equal(go(EPT_R), EPT12_MISCONFIGURED);
}

PROMISE(leaves_have_one_of_five_memory_types)
{
	for (u32 level = 1; level <= 3; level++)
		for (u64 type = 0; type < 8; type++) {
			start(CAPS, level);
			*entry(level) = (*entry(level) & ~EPT_ENTRY_TYPE) | type << 3;
			assert_int_equal(go(EPT_R), type == 2 || type == 3 || type == 7 ? EPT12_MISCONFIGURED : EPT12_OK);
			if (l1.t.level == level && type < 2)
				assert_int_equal(l1.t.type, type);
		}
}

PROMISE(tables_that_lead_to_themselves_end_after_four_reads)
{
	start(CAPS, 1);
	l1.table[0][ept_index(GPA2, 4)] = AT | EPT_RWX;
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		l1.table[0][i] = AT | EPT_RWX;
	assert_int_equal(go(EPT_R), EPT12_OK);	/* the root as a leaf of type UC */
	assert_int_equal(l1.reads, 4);
	assert_int_equal(l1.t.at.at, AT + (GPA2 & PAGE_MASK));
	assert_int_equal(l1.t.type, MEMTYPE_UC);
}

PROMISE(tables_where_no_memory_is_are_misconfigured)
{
	start(CAPS, 1);
	*entry(3) = 0x7000000000ull | EPT_RWX;
	assert_int_equal(go(EPT_R), EPT12_MISCONFIGURED);
	assert_int_equal(l1.t.level, 2);
}

PROMISE(accessed_is_set_from_the_top_and_dirty_in_the_leaf_of_a_write)
{
	for (u32 leaf = 1; leaf <= 3; leaf++) {
		start(CAPS, leaf);
		l1.ept.accessed_dirty = true;
		assert_int_equal(go(EPT_R), EPT12_OK);
		assert_int_equal(l1.marks, 5 - leaf);
		for (u32 level = 4; level >= leaf; level--) {
			assert_int_equal(l1.marked[4 - level], entry_at(level));
			assert_int_equal(*entry(level) & (A | D), A);
			assert_int_equal(l1.t.entry[level], *entry(level));
		}
		assert_int_equal(go(EPT_RW), EPT12_OK);
		assert_int_equal(l1.marks, 6 - leaf);
		assert_int_equal(*entry(leaf) & (A | D), A | D);
		assert_int_equal(*entry(leaf + 1) & (A | D), A);
		assert_int_equal(go(EPT_RW), EPT12_OK);
		assert_int_equal(l1.marks, 6 - leaf);
	}
}

PROMISE(nothing_is_marked_without_ad_or_when_the_walk_fails)
{
	start(CAPS, 1);
	assert_int_equal(go(EPT_RW), EPT12_OK);
	l1.ept.accessed_dirty = true;
	*entry(1) &= ~(u64)EPT_W;
	assert_int_equal(go(EPT_RW), EPT12_VIOLATION);
	*entry(1) |= EPT_W | 7 << 3;
	assert_int_equal(go(EPT_RW), EPT12_MISCONFIGURED);
	assert_int_equal(l1.marks, 0);
}

PROMISE(a_lost_race_starts_the_walk_again_but_not_for_ever)
{
	start(CAPS, 1);
	l1.ept.accessed_dirty = true;
	l1.lost_races = 3;
	assert_int_equal(go(EPT_R), EPT12_OK);
	start(CAPS, 1);
	l1.ept.accessed_dirty = true;
	l1.lost_races = ~0u;
	assert_int_equal(go(EPT_R), EPT12_RETRY);
	assert_in_range(l1.reads, 4, 64);
}

PROMISE(a_full_log_stops_the_access_before_any_mark)
{
	start(CAPS, 1);
	l1.ept.accessed_dirty = true;
	l1.ept.log = &page_log;
	assert_int_equal(go(EPT_R), EPT12_LOG_FULL);
	assert_int_equal(l1.marks, 0);
	l1.room = true;
	assert_int_equal(go(EPT_R), EPT12_OK);
	assert_int_equal(l1.logged, 0);
	assert_int_equal(go(EPT_W), EPT12_OK);
	assert_int_equal(l1.logged, 1);
	assert_int_equal(l1.logged_page.at, GPA2 & ~0xfffull);
	l1.room = false;
	assert_int_equal(go(EPT_W), EPT12_OK);	/* nothing left to mark */
}

PROMISE(the_qualification_has_the_rights_of_ept12_and_a_walk_with_ad_reads_and_writes)
{
	static const struct { bool ad; u64 ours; u32 rights; u64 want; } cases[] = {
		{ false, 0x181, EPT_NONE, 0x181 }, { false, 0x1b9, EPT_RX, 0x1a9 }, { false, 0x82, EPT_R, 0x8a },
		{ true, 0x82, EPT_R, 0x8b }, { true, 0x83, EPT_R, 0x8b }, { true, 0x182, EPT_R, 0x18a },
		{ true, 0x001, EPT_X, 0x021 }, { false, 0x1184, EPT_RW, 0x119c },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ept12 ept = { .accessed_dirty = cases[i].ad };

		assert_int_equal(ept12_qualification(&ept, cases[i].ours, (enum ept_rights)cases[i].rights), cases[i].want);
	}
}

PROMISE(pointers_are_checked_in_the_order_of_the_sdm)
{
	static const struct { u64 caps, eptp; const char *word; } cases[] = {
		{ CAPS, AT | 0x1e, NULL }, { CAPS, AT | 0x5e, NULL }, { CAPS, AT | 0x18, "type" },
		{ CAPS | EPT_CAP_POINTER_UC, AT | 0x18, NULL }, { CAPS, AT | 0x19, "type" }, { CAPS, AT | 0x1f, "type" },
		{ CAPS, AT | 0x16, "length" }, { CAPS, AT | 0x26, "length" }, { CAPS, AT | 0x06, "length" },
		{ CAPS & ~EPT_CAP_ACCESSED_DIRTY, AT | 0x5e, "A/D" }, { CAPS, AT | 0x9e, "reserved" }, { CAPS, AT | 0x81e, "reserved" },
		{ CAPS, BIT64(40) | 0x1e, "reserved" }, { CAPS, BIT64(63) | 0x1e, "reserved" }, { CAPS, BIT64(39) | 0x1e, NULL },
		{ CAPS, BIT64(63) | 0x90, "type" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ept12_rules rules;
		const char *fault;

		ept12_rules_init(&rules, cases[i].caps, MAXPHYADDR);
		fault = ept12_pointer_fault(&rules, cases[i].eptp);
		assert_int_equal(fault != NULL, cases[i].word != NULL);
		if (fault)
			assert_non_null(strstr(fault, cases[i].word));
	}
}

RUN(
	T(pages_of_all_sizes_are_translated),
	T(rights_are_those_of_all_levels_together),
	T(an_absent_entry_is_a_violation_with_no_rights_whatever_its_other_bits),
	T(addresses_that_four_levels_cannot_translate_are_violations),
	T(misconfigurations_come_before_rights),
	T(execute_only_needs_the_capability_at_every_level),
	T(every_reserved_bit_is_a_misconfiguration_and_no_other_is),
	T(large_pages_need_their_capability),
	T(leaves_have_one_of_five_memory_types),
	T(tables_that_lead_to_themselves_end_after_four_reads),
	T(tables_where_no_memory_is_are_misconfigured),
	T(accessed_is_set_from_the_top_and_dirty_in_the_leaf_of_a_write),
	T(nothing_is_marked_without_ad_or_when_the_walk_fails),
	T(a_lost_race_starts_the_walk_again_but_not_for_ever),
	T(a_full_log_stops_the_access_before_any_mark),
	T(the_qualification_has_the_rights_of_ept12_and_a_walk_with_ad_reads_and_writes),
	T(pointers_are_checked_in_the_order_of_the_sdm))
