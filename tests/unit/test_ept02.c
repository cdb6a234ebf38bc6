/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT02, one promise at a time: how few faults, which leaves survive, who owes a flush, and what L1's mischief costs.
 * Links: xmhf/runtime/nested/ept02.c xmhf/runtime/nested/ept02_fault.c xmhf/runtime/nested/ept02_fill.c xmhf/runtime/nested/ept02_sync.c xmhf/runtime/nested/ept02_table.c xmhf/runtime/nested/ept12_walk.c xmhf/runtime/nested/memory_type.c xmhf/runtime/memory/ept.c xmhf/runtime/memory/ept_edit.c
 */
#include "unit.h"

#define CHECK(condition) assert_true(condition)
#include "ept02_model.h"

#define RAM	0x80000000ull
#define WB_RWX	(6ull << 3 | 7)
#define A	EPT_ENTRY_ACCESSED
#define D	EPT_ENTRY_DIRTY
#define POOL	256u

static struct cpu *const cpu = &m.cpu[0];

/* Tables 0 to 3 map the first 512 pages of L2 to RAM, 4 KiB each; table 2 maps what follows by large pages. */
static void small_pages_in(u32 pool, bool accessed_dirty, u64 marks)
{
	machine_start(CAPS, pool);
	for (u32 i = 0; i < 3; i++)
		l1_write(i, 0, table_at(i + 1) | EPT_RWX | A);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		l1_write(3, i, RAM + i * PAGE_SIZE + (WB_RWX | marks));
	for (u32 i = 1; i < EPT_ENTRIES; i++)
		l1_write(2, i, RAM + i * SIZE_2M + (WB_RWX | EPT_ENTRY_LARGE | marks));
	run_on(cpu, 0, accessed_dirty);
}

static void small_pages(bool accessed_dirty, u64 marks) { small_pages_in(POOL, accessed_dirty, marks); }

/* L2's access as it would go on a CPU; returns the number of faults, none of which L1 sees. */
static u32 touch(struct cpu *c, u64 gpa2, u32 want)
{
	u32 faults = 0;

	for (enter(c); !l2_access(c, gpa2, want); enter(c), faults++) {
		struct ept02_fault f;

		assert_int_equal(fault(c, gpa2, want, &f), EPT02_RESUME);
		assert_in_range(faults, 0, 2);
	}
	return faults;
}

static u64 leaf(u64 gpa2, u32 *level, u32 *rights) { return raw_walk(cpu->root, gpa2, level, rights); }

static u32 rights_of(u64 gpa2)
{
	u32 level, rights;

	return leaf(gpa2, &level, &rights) ? rights : 0;
}

static u32 level_of(u64 gpa2)
{
	u32 level, rights;

	return leaf(gpa2, &level, &rights) ? level : 0;
}

static void invept(struct cpu *c)
{
	ept02_sync(&m.ept02);
	enter(c);
}

PROMISE(fresh_pages_touched_in_order_take_a_handful_of_faults)
{
	u32 faults = 0;

	small_pages(false, 0);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		faults += touch(cpu, i * PAGE_SIZE, EPT_W);
	assert_in_range(faults, 1, 7);
	assert_in_range(m.lookups, 1, 2);
	machine_stop();
}

PROMISE(fresh_pages_touched_in_any_order_take_a_fault_in_sixteen)
{
	u32 faults = 0;

	small_pages(false, 0);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		faults += touch(cpu, ((i * 197 + 5) % EPT_ENTRIES) * PAGE_SIZE, EPT_W);
	assert_int_equal(faults, 33);
	machine_stop();
}

PROMISE(the_page_touched_first_in_a_table_brings_no_neighbours_but_the_next_ones_do)
{
	small_pages(false, 0);
	assert_int_equal(touch(cpu, 5 * PAGE_SIZE, EPT_W), 1);
	assert_int_equal(rights_of(4 * PAGE_SIZE), 0);
	assert_int_equal(touch(cpu, 18 * PAGE_SIZE, EPT_W), 1);
	assert_int_equal(rights_of(31 * PAGE_SIZE), EPT_RWX);
	assert_int_equal(rights_of(15 * PAGE_SIZE), 0);
	assert_int_equal(touch(cpu, 6 * PAGE_SIZE, EPT_W), 1);
	assert_int_equal(rights_of(15 * PAGE_SIZE), EPT_RWX);
	machine_stop();
}

PROMISE(with_ad_only_accessed_neighbours_are_filled_and_dirty_ones_writable)
{
	small_pages(true, 0);
	m.table12[3][1] |= A;
	m.table12[3][2] |= A | D;
	assert_int_equal(touch(cpu, 0, EPT_R), 1);
	assert_int_equal(m.table12[3][0] & (A | D), A);
	assert_int_equal(rights_of(0), EPT_RX);
	assert_int_equal(rights_of(0x1000), EPT_RX);
	assert_int_equal(rights_of(0x2000), EPT_RWX);
	assert_int_equal(rights_of(0x3000), 0);
	assert_int_equal(touch(cpu, 0, EPT_W), 1);
	assert_int_equal(m.table12[3][0] & (A | D), A | D);
	assert_true(ept02_pointer(cpu->root) & EPTP_ACCESSED_DIRTY);
	machine_stop();
}

PROMISE(clearing_a_or_d_takes_the_right_away_at_invept)
{
	small_pages(true, A | D);
	touch(cpu, 0, EPT_W);
	l1_write(3, 1, m.table12[3][1] & ~A);
	l1_write(3, 2, m.table12[3][2] & ~D);
	invept(cpu);
	assert_int_equal(rights_of(0), EPT_RWX);
	assert_int_equal(rights_of(0x1000), 0);
	assert_int_equal(rights_of(0x2000), EPT_RX);
	machine_stop();
}

PROMISE(a_leaf_that_becomes_misconfigured_goes_at_invept_though_its_w_never_counted)
{
	small_pages(true, A);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		l1_write(3, i, RAM + i * PAGE_SIZE + (6ull << 3 | EPT_X | A));
	touch(cpu, 0, EPT_X);
	assert_int_equal(rights_of(0x1000), EPT_X);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		l1_write(3, i, m.table12[3][i] | EPT_W);
	invept(cpu);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(rights_of(i * PAGE_SIZE), 0);
	machine_stop();
}

PROMISE(a_large_page_is_one_fault_and_small_ones_never_become_large)
{
	u32 faults = 0;

	small_pages(false, 0);
	touch(cpu, 0, EPT_R);
	assert_int_equal(level_of(0), 1);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		faults += touch(cpu, SIZE_2M + i * PAGE_SIZE, EPT_W);
	assert_int_equal(faults, 1);
	assert_int_equal(level_of(SIZE_2M), 2);
	machine_stop();
}

PROMISE(a_large_page_is_in_pieces_where_ept01_is)
{
	small_pages(false, 0);
	protect(RAM + SIZE_2M + 3 * PAGE_SIZE, PAGE_SIZE, EPT_R);
	touch(cpu, SIZE_2M, EPT_W);
	touch(cpu, 2 * SIZE_2M, EPT_W);
	assert_int_equal(level_of(SIZE_2M), 1);
	assert_int_equal(level_of(2 * SIZE_2M), 2);
	assert_int_equal(rights_of(SIZE_2M + 3 * PAGE_SIZE), EPT_R);
	assert_int_equal(rights_of(SIZE_2M + 4 * PAGE_SIZE), EPT_RWX);
	no_table_is_lost();
	machine_stop();
}

PROMISE(a_1g_page_is_as_large_as_ept01_lets_it)
{
	small_pages(false, 0);
	l1_write(1, 1, RAM | WB_RWX | EPT_ENTRY_LARGE);
	l1_write(1, 2, OURS | WB_RWX | EPT_ENTRY_LARGE);
	touch(cpu, SIZE_1G, EPT_W);
	assert_int_equal(level_of(SIZE_1G), 3);
	touch(cpu, 2 * SIZE_1G, EPT_R);
	touch(cpu, 2 * SIZE_1G + SIZE_2M, EPT_W);
	assert_int_equal(level_of(2 * SIZE_1G), 1);
	assert_int_equal(rights_of(2 * SIZE_1G), EPT_R);
	assert_int_equal(level_of(2 * SIZE_1G + SIZE_2M), 2);
	no_table_is_lost();
	machine_stop();
}

PROMISE(invept_of_the_unchanged_loses_nothing)
{
	u64 before;

	small_pages(false, 0);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		touch(cpu, i * PAGE_SIZE, EPT_W);
	invept(cpu);
	before = ept02_generation(cpu->root);
	invept(cpu);
	assert_int_equal(ept02_generation(cpu->root), before);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		assert_int_equal(touch(cpu, i * PAGE_SIZE, EPT_W), 0);
	assert_int_equal(m.flushes, 0);
	machine_stop();
}

PROMISE(one_changed_page_of_512_costs_no_fault_and_its_neighbours_stay)
{
	u32 level, rights;
	u64 before;

	small_pages(false, 0);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		touch(cpu, i * PAGE_SIZE, EPT_W);
	before = ept02_generation(cpu->root);
	l1_write(3, 77, (RAM + 999 * PAGE_SIZE) | WB_RWX);
	invept(cpu);
	assert_int_not_equal(ept02_generation(cpu->root), before);
	assert_int_equal(leaf(77 * PAGE_SIZE, &level, &rights) & EPT_ENTRY_ADDRESS, RAM + 999 * PAGE_SIZE);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		assert_int_equal(touch(cpu, i * PAGE_SIZE, EPT_W), 0);
	l1_write(3, 78, 0);
	invept(cpu);
	assert_int_equal(rights_of(78 * PAGE_SIZE), 0);
	machine_stop();
}

PROMISE(a_violation_that_l1_mends_needs_no_invept_at_any_level)
{
	struct ept02_fault f;

	for (u32 table = 0; table < 4; table++) {
		u64 entry;

		small_pages(false, 0);
		touch(cpu, 0x8000, EPT_R);
		entry = m.table12[table][0];
		l1_write(table, 0, entry & ~(u64)EPT_W);
		invept(cpu);
		assert_int_equal(fault(cpu, 0, EPT_W, &f), EPT02_VIOLATION);
		assert_int_equal(f.ept12.rights, EPT_RX);
		l1_write(table, 0, entry);
		assert_int_equal(touch(cpu, 0, EPT_W), 1);
		machine_stop();
	}
}

PROMISE(rights_that_come_back_above_do_not_revive_a_leaf_that_lost_them_below)
{
	small_pages(false, 0);
	l1_write(2, 0, m.table12[2][0] & ~(u64)EPT_W);
	touch(cpu, 0x8000, EPT_R);
	l1_write(2, 0, m.table12[2][0] | EPT_W);
	l1_write(3, 8, m.table12[3][8] & ~(u64)EPT_W);
	touch(cpu, 0x10000, EPT_W);
	assert_int_equal(rights_of(0x8000) & EPT_W, 0);
	machine_stop();
}

PROMISE(other_cpus_flush_when_they_enter)
{
	struct cpu *other = &m.cpu[1];

	small_pages(false, 0);
	run_on(other, 0, false);
	touch(other, 0, EPT_W);
	l1_write(3, 0, 0);
	invept(cpu);
	assert_true(l2_access(other, 0, EPT_W));	/* still out of date, as on a bare CPU */
	enter(other);
	assert_false(l2_access(other, 0, EPT_W));
	assert_int_equal(m.flushes, 0);
	machine_stop();
}

PROMISE(a_protection_owes_a_flush_even_if_invept_took_the_leaf_before)
{
	struct cpu *other = &m.cpu[1];
	struct ept02_flush owed;

	small_pages(false, 0);
	run_on(other, 0, false);
	touch(other, 0, EPT_W);
	l1_write(3, 0, 0);
	invept(cpu);
	owed = ept02_drop(&m.ept02, (gpa1_t){ RAM }, PAGE_SIZE);
	assert_non_null(owed.ept02);
	ept02_flush_discharge(&owed);
	assert_null(owed.ept02);
	assert_int_equal(m.flushes, 1);
	owed = ept02_drop(&m.ept02, (gpa1_t){ RAM }, PAGE_SIZE);
	assert_null(owed.ept02);
	machine_stop();
}

PROMISE(a_protected_page_leaves_ept02_and_is_told_of)
{
	struct ept02_fault f;

	small_pages(false, 0);
	touch(cpu, 0, EPT_W);
	protect(RAM, PAGE_SIZE, EPT_R);
	assert_false(l2_access(cpu, 0, EPT_R));
	assert_int_equal(rights_of(0x1000), EPT_RWX);
	assert_int_equal(fault(cpu, 0x123, EPT_W, &f), EPT02_PROTECTED);
	assert_int_equal(f.ept12.at.at, RAM + 0x123);
	assert_int_equal(rights_of(0), EPT_R);
	machine_stop();
}

PROMISE(a_table_that_is_protected_is_not_marked_behind_the_hypapps_back)
{
	small_pages(true, 0);
	touch(cpu, 0, EPT_R);
	m.marks = 0;
	touch(cpu, PAGE_SIZE, EPT_R);
	assert_int_equal(m.marks, 0);			/* known to be L1's to write */
	protect(table_at(3), PAGE_SIZE, EPT_R);
	touch(cpu, 2 * PAGE_SIZE, EPT_R);
	touch(cpu, 3 * PAGE_SIZE, EPT_R);
	assert_int_equal(m.marks, 2);
	machine_stop();
}

PROMISE(who_maps_page_by_page_gets_page_by_page)
{
	small_pages(false, 0);
	l1_write(3, 1, 0);
	touch(cpu, 0, EPT_R);
	assert_int_equal(rights_of(2 * PAGE_SIZE), 0);
	touch(cpu, 2 * PAGE_SIZE, EPT_R);		/* its neighbour is there */
	assert_int_equal(rights_of(7 * PAGE_SIZE), EPT_RWX);
	machine_stop();
}

PROMISE(what_ept01_gains_is_seen_without_being_told)
{
	struct ept02_fault f;
	struct flush owed;

	small_pages(false, 0);
	protect(RAM, PAGE_SIZE, EPT_R);
	assert_int_equal(fault(cpu, 0, EPT_W, &f), EPT02_PROTECTED);
	touch(cpu, 0x1000, EPT_W);
	l1_write(3, 0, 0);
	invept(cpu);
	l1_write(3, 0, RAM + WB_RWX);
	touch(cpu, 0, EPT_R);		/* what EPT01 said of it is remembered */
	owed = ept_unprotect(&m.ept01, (gpa1_t){ RAM }, PAGE_SIZE);
	flush_discharge(&owed);
	assert_int_equal(touch(cpu, 0, EPT_W), 1);
	machine_stop();
}

PROMISE(redirected_pages_follow_their_redirection)
{
	u32 level, rights;
	struct ept02_flush owed;
	struct flush owed01;

	small_pages(false, 0);
	l1_write(3, 0, OURS | WB_RWX);
	touch(cpu, 0, EPT_R);
	assert_int_equal(leaf(0, &level, &rights) & EPT_ENTRY_ADDRESS, ONES);
	assert_int_equal(rights, EPT_R);
	/* The leaf's target is now what L1 asks for by its own name: that is elsewhere. */
	owed01 = ept_redirect(&m.ept01, (gpa1_t){ ONES }, (hpa_t){ OURS + PAGE_SIZE }, EPT_R, MEMTYPE_WB);
	l1_write(3, 0, ONES | 6 << 3 | EPT_R);
	owed = ept02_drop(&m.ept02, (gpa1_t){ ONES }, PAGE_SIZE);
	assert_non_null(owed.ept02);
	assert_int_equal(rights_of(0), 0);
	flush_discharge(&owed01);
	ept02_flush_discharge(&owed);
	touch(cpu, 0, EPT_R);
	assert_int_equal(leaf(0, &level, &rights) & EPT_ENTRY_ADDRESS, OURS + PAGE_SIZE);
	l1_write(3, 0, (OURS + PAGE_SIZE) | 6 << 3 | EPT_R);
	invept(cpu);
	assert_int_equal(leaf(0, &level, &rights) & EPT_ENTRY_ADDRESS, ONES);
	machine_stop();
}

PROMISE(a_page_that_becomes_a_table_is_no_longer_writable_unnoticed)
{
	small_pages(false, 0);
	l1_write(3, 0, table_at(4) | WB_RWX);
	touch(cpu, 0, EPT_W);
	l1_write(3, 0, 0);
	l1_write(3, 19, table_at(4) | WB_RWX);
	touch(cpu, 19 * PAGE_SIZE, EPT_W);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		l1_write(4, i, RAM | WB_RWX);
	l1_write(2, 1, table_at(4) | EPT_RWX);
	touch(cpu, SIZE_2M, EPT_R);
	assert_int_equal(m.flushes, 1);
	assert_int_equal(rights_of(0), 0);
	assert_int_equal(rights_of(19 * PAGE_SIZE), 0);
	touch(cpu, 19 * PAGE_SIZE, EPT_R);
	assert_int_equal(rights_of(19 * PAGE_SIZE), EPT_RX);
	machine_stop();
}

PROMISE(pages_that_share_a_bit_of_the_writable_ones_are_kept_off_each)
{
	u64 first = RAM, second;

	small_pages_in(POOL / 4, false, 0);
	second = first + ((u64)m.ept02.writable_mask + 1) * PAGE_SIZE;
	l1_write(3, 5, first | WB_RWX);
	l1_write(3, 8, second | WB_RWX);
	touch(cpu, 5 * PAGE_SIZE, EPT_W);
	touch(cpu, 8 * PAGE_SIZE, EPT_W);
	m.watched = first;
	ept02_keep_off(&m.ept02, (gpa1_t){ first });
	assert_int_equal(rights_of(5 * PAGE_SIZE) & EPT_W, 0);
	m.watched = second;
	ept02_keep_off(&m.ept02, (gpa1_t){ second });
	assert_int_equal(rights_of(8 * PAGE_SIZE) & EPT_W, 0);
	machine_stop();
}

PROMISE(a_watched_page_is_only_written_after_its_watcher_was_told)
{
	small_pages(false, 0);
	for (u32 i = 0; i < EPT_ENTRIES; i++)
		touch(cpu, i * PAGE_SIZE, EPT_W);
	m.watched = RAM + 5 * PAGE_SIZE;
	ept02_keep_off(&m.ept02, (gpa1_t){ m.watched });
	assert_int_equal(rights_of(5 * PAGE_SIZE) & EPT_W, 0);
	touch(cpu, 5 * PAGE_SIZE, EPT_R);
	touch(cpu, 4 * PAGE_SIZE, EPT_W);
	assert_int_equal(rights_of(5 * PAGE_SIZE) & EPT_RW, EPT_R);
	assert_int_equal(rights_of(4 * PAGE_SIZE) & EPT_W, EPT_W);
	assert_false(m.exposed);
	assert_int_equal(touch(cpu, 5 * PAGE_SIZE, EPT_W), 1);
	assert_true(m.exposed);
	assert_int_equal(touch(cpu, 5 * PAGE_SIZE, EPT_W), 0);
	machine_stop();
}

PROMISE(an_ept12_that_l2_writes_itself_is_right_after_invept)
{
	small_pages(false, 0);
	l1_write(3, 5, table_at(3) | WB_RWX);
	l1_write(3, 6, table_at(0) | EPT_RWX);
	l1_write(1, 5, RAM | EPT_RWX);
	touch(cpu, 0, EPT_W);
	assert_int_equal(rights_of(5 * PAGE_SIZE), EPT_RX);
	touch(cpu, 5 * PAGE_SIZE, EPT_W);
	m.table12[3][7] = 0;		/* by L2: nobody marks it changed */
	invept(cpu);
	assert_int_equal(rights_of(7 * PAGE_SIZE), 0);
	l1_write(0, 1, table_at(3) | EPT_RWX);	/* a second shadow of the same page */
	assert_int_equal(touch(cpu, BIT64(39) + (6ull << 30) + 0x5000, EPT_R), 1);
	m.table12[3][3] = m.table12[3][6] = 0;
	invept(cpu);
	assert_int_equal(rights_of(BIT64(39) + (6ull << 30) + 0x5000), 0);
	assert_int_equal(rights_of(3 * PAGE_SIZE), 0);
	assert_int_equal(rights_of(0), EPT_RWX);
	no_table_is_lost();
	machine_stop();
}

PROMISE(a_page_with_a_thousand_shadows_is_dropped_not_compared)
{
	machine_start(CAPS, 1600);
	for (u32 i = 0; i < EPT_ENTRIES; i++) {
		l1_write(1, i, table_at(2) | EPT_RWX);
		l1_write(2, i, table_at(3) | EPT_RWX);
		l1_write(3, i, RAM + i * PAGE_SIZE + WB_RWX);
	}
	l1_write(0, 0, table_at(1) | EPT_RWX);
	run_on(cpu, 0, false);
	for (u32 i = 0; i < 1000; i++)
		touch(cpu, (u64)(i % 500) * SIZE_1G + (i / 500) * SIZE_2M, EPT_R);
	invept(cpu);
	l1_write(3, 0, 0);
	invept(cpu);
	for (u32 i = 0; i < 500; i++)
		assert_int_equal(rights_of(i * SIZE_1G), 0);
	no_table_is_lost();
	machine_stop();
}

PROMISE(without_pages_the_least_recently_used_go_and_the_rest_is_right)
{
	u32 refaults = 0;

	machine_start(CAPS, 40);
	l1_write(0, 0, table_at(1) | EPT_RWX);
	l1_write(1, 0, table_at(2) | EPT_RWX);
	for (u32 i = 0; i < EPT_ENTRIES; i++) {
		l1_write(2, i, table_at(3) | EPT_RWX);
		l1_write(3, i, RAM + i * PAGE_SIZE + WB_RWX);
	}
	run_on(cpu, 0, false);
	for (u32 i = 0; i < 300; i++) {
		touch(cpu, i * SIZE_2M, EPT_R);
		refaults += touch(cpu, (i & ~15u) * SIZE_2M + (i & 15) * 8 * PAGE_SIZE, EPT_R);	/* used all along */
		no_table_is_lost();
	}
	assert_in_range(refaults, 1, 300);
	assert_in_range(m.flushes, 1, 300);
	assert_int_equal(rights_of((300 - 1) * SIZE_2M), EPT_RWX);
	assert_int_equal(rights_of(0), 0);
	machine_stop();
}

PROMISE(roots_in_use_are_never_recycled_and_others_come_back_with_another_generation)
{
	struct ept02_table *first, *again;
	u64 before;

	machine_start(CAPS, 24);
	first = ept02_get(&m.ept02, eptp12(0, false));
	before = ept02_generation(first);
	assert_ptr_equal(ept02_get(&m.ept02, eptp12(0, false)), first);
	assert_ptr_not_equal(ept02_get(&m.ept02, eptp12(0, true)), first);
	for (u32 i = 1; i < TABLES12; i++)
		ept02_put(ept02_get(&m.ept02, eptp12(i, false)));
	assert_ptr_equal(ept02_get(&m.ept02, eptp12(0, false)), first);
	assert_int_equal(ept02_generation(first), before);
	for (u32 i = 0; i < 3; i++)
		ept02_put(first);
	for (u32 i = 1; i < TABLES12; i++)
		ept02_put(ept02_get(&m.ept02, eptp12(i, true)));
	again = ept02_get(&m.ept02, eptp12(0, false));
	assert_int_not_equal(ept02_generation(again), before);
	machine_stop();
}

PROMISE(a_root_where_no_memory_is_runs_into_a_misconfiguration)
{
	struct ept02_fault f;

	machine_start(CAPS, POOL);
	cpu->root = ept02_get(&m.ept02, 0xfffff000 | 0x1e);
	assert_int_equal(fault(cpu, 0, EPT_R, &f), EPT02_MISCONFIGURED);
	assert_int_equal(fault(cpu, BIT64(48), EPT_R, &f), EPT02_VIOLATION);
	machine_stop();
}

PROMISE(memory_types_merge_in_all_25_pairs_and_ipat_is_kept)
{
	static const u8 types[] = { MEMTYPE_UC, MEMTYPE_WC, MEMTYPE_WT, MEMTYPE_WP, MEMTYPE_WB };

	small_pages(false, 0);
	for (u32 i = 0; i < 5; i++) {
		struct flush owed = ept_redirect(&m.ept01, (gpa1_t){ RAM }, (hpa_t){ RAM }, EPT_RWX, (enum memory_type)types[i]);

		flush_discharge(&owed);
		for (u32 n = 0; n < 5; n++) {
			struct ept02_flush owed02 = ept02_drop(&m.ept02, (gpa1_t){ RAM }, PAGE_SIZE);
			u32 level, rights;
			u64 entry;

			ept02_flush_discharge(&owed02);
			l1_write(3, 0, RAM | EPT_RWX | (u64)types[n] << 3 | (n & 1 ? EPT_ENTRY_IPAT : 0));
			touch(cpu, 0, EPT_W);
			entry = leaf(0, &level, &rights);
			assert_int_equal(entry >> 3 & 7, naive_merge(types[n], types[i]));
			assert_int_equal((entry & EPT_ENTRY_IPAT) != 0, n & 1);
		}
	}
	machine_stop();
}

static bool room;
static u32 logged;
static bool has_room(void *ctx) { return room; }
static void dirtied(void *ctx, gpa2_t page) { logged += page.at == 0x3000; }

PROMISE(l1s_log_is_asked_before_and_told_after)
{
	static const struct ept12_log page_log = { has_room, dirtied, NULL };
	struct ept02_fault f = { .at = { 0x3123 }, .want = EPT_W, .log = &page_log, .stream = &cpu->stream };

	small_pages(true, 0);
	assert_int_equal(ept02_fault(&m.ept02, cpu->root, &f), EPT02_LOG_FULL);
	assert_int_equal(m.table12[3][3] & (A | D), 0);
	touch(cpu, 0, EPT_R);
	assert_int_equal(ept02_fault(&m.ept02, cpu->root, &f), EPT02_LOG_FULL);
	room = true;
	assert_int_equal(ept02_fault(&m.ept02, cpu->root, &f), EPT02_RESUME);
	assert_int_equal(m.table12[3][3] & (A | D), A | D);
	assert_int_equal(logged, 1);
	machine_stop();
}

PROMISE(too_little_memory_is_refused)
{
	struct ept02 e;

	machine_start(CAPS, POOL);
	assert_false(ept02_init(&e, &ept02_ops, &tracker, NULL, &m.rules, CAPS, m.pool, 16 * PAGE_SIZE));
	assert_false(ept02_init(&e, &ept02_ops, &tracker, NULL, &m.rules, CAPS, m.pool, 0));
	assert_true(ept02_init(&e, &ept02_ops, &tracker, NULL, &m.rules, CAPS, m.pool, 64 * PAGE_SIZE));
	assert_in_range(e.count, 56, 63);	/* ept_pool=256K */
	machine_stop();
}

RUN(
	T(fresh_pages_touched_in_order_take_a_handful_of_faults),
	T(fresh_pages_touched_in_any_order_take_a_fault_in_sixteen),
	T(the_page_touched_first_in_a_table_brings_no_neighbours_but_the_next_ones_do),
	T(with_ad_only_accessed_neighbours_are_filled_and_dirty_ones_writable),
	T(clearing_a_or_d_takes_the_right_away_at_invept),
	T(a_leaf_that_becomes_misconfigured_goes_at_invept_though_its_w_never_counted),
	T(a_large_page_is_one_fault_and_small_ones_never_become_large),
	T(a_large_page_is_in_pieces_where_ept01_is),
	T(a_1g_page_is_as_large_as_ept01_lets_it),
	T(invept_of_the_unchanged_loses_nothing),
	T(one_changed_page_of_512_costs_no_fault_and_its_neighbours_stay),
	T(a_violation_that_l1_mends_needs_no_invept_at_any_level),
	T(rights_that_come_back_above_do_not_revive_a_leaf_that_lost_them_below),
	T(other_cpus_flush_when_they_enter),
	T(a_protection_owes_a_flush_even_if_invept_took_the_leaf_before),
	T(a_protected_page_leaves_ept02_and_is_told_of),
	T(a_table_that_is_protected_is_not_marked_behind_the_hypapps_back),
	T(who_maps_page_by_page_gets_page_by_page),
	T(what_ept01_gains_is_seen_without_being_told),
	T(redirected_pages_follow_their_redirection),
	T(a_page_that_becomes_a_table_is_no_longer_writable_unnoticed), T(a_watched_page_is_only_written_after_its_watcher_was_told),
	T(pages_that_share_a_bit_of_the_writable_ones_are_kept_off_each),
	T(an_ept12_that_l2_writes_itself_is_right_after_invept),
	T(a_page_with_a_thousand_shadows_is_dropped_not_compared),
	T(without_pages_the_least_recently_used_go_and_the_rest_is_right),
	T(roots_in_use_are_never_recycled_and_others_come_back_with_another_generation),
	T(a_root_where_no_memory_is_runs_into_a_misconfiguration),
	T(memory_types_merge_in_all_25_pairs_and_ipat_is_kept),
	T(l1s_log_is_asked_before_and_told_after),
	T(too_little_memory_is_refused))
