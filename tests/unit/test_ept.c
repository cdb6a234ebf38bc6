/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT01, one promise at a time: how many flushes, who keeps what, and what happens without pages.
 * Links: xmhf/runtime/memory/ept.c xmhf/runtime/memory/ept_edit.c
 */
#include "ept_model.h"

static void machine_with_all_memory(void)
{
	machine_start(CAPS_ALL, 1);
	assert_true(ept_map_identity(&m.ept, gpa(0), gpa(PAGES)));
	model_map(0, PAGES);
	m.guests_run = true;
	guests_run();
}

PROMISE(uniform_memory_takes_two_tables)
{
	machine_with_all_memory();
	all_is_well(true);
	assert_int_equal(m.ept.tables, 2);
	assert_int_equal(m.flushes, 0);
	machine_stop();
}

PROMISE(a_deep_split_costs_one_flush_and_owes_none)
{
	struct flush owed;

	machine_with_all_memory();
	owed = ept_protect(&m.ept, gpa(1000), PAGE_SIZE, EPT_RX);
	assert_false(owed.failed);
	assert_null(owed.ept);
	assert_int_equal(m.flushes, 1);
	assert_int_equal(m.ept.tables, 4);
	machine_stop();
}

PROMISE(a_merge_over_two_levels_costs_one_flush)
{
	struct flush owed;

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

PROMISE(losing_rights_owes_a_flush_and_gaining_them_none)
{
	struct flush owed;

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

PROMISE(a_debt_is_paid_once)
{
	struct flush first, second;

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

PROMISE(redirected_pages_ignore_protections_and_types)
{
	struct ept_leaf leaf;
	struct flush owed;

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

PROMISE(redirected_pages_stay_single_even_where_a_leaf_could_hold_them)
{
	struct ept_leaf leaf;
	struct flush owed;

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

PROMISE(rights_the_cpu_cannot_express_are_lost_never_gained)
{
	static const struct { u64 lacking; enum ept_rights asked, got; } cases[] = {
		{ 0, EPT_W, EPT_NONE }, { 0, EPT_X, EPT_X }, { 0, EPT_W | EPT_X, EPT_X }, { 0, EPT_RW, EPT_RW },
		{ EPT_CAP_EXECUTE_ONLY, EPT_X, EPT_NONE }, { EPT_CAP_EXECUTE_ONLY, EPT_RX, EPT_RX },
	};
	struct ept_leaf leaf;

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

PROMISE(beyond_the_limit_nothing_is_mapped_or_protected)
{
	struct ept_leaf leaf;

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

PROMISE(without_pages_a_protection_fails_whole)
{
	struct flush owed = { .ept = NULL };
	u32 done = 0;

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

PROMISE(without_pages_types_become_uncached_not_wrong)
{
	struct ept_leaf leaf;
	struct flush owed;

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

PROMISE(without_pages_a_fill_says_so_and_recovers)
{
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

PROMISE(the_pointer_and_capabilities_read_as_the_sdm_says)
{
	assert_int_equal(eptp_make((hpa_t){ 0x12345000 }, false), 0x1234501e);
	assert_int_equal(eptp_make((hpa_t){ 0x12345000 }, true), 0x1234505e);
	machine_start(CAPS_ALL & ~EPT_CAP_ACCESSED_DIRTY, 1);
	assert_int_equal(ept_pointer(&m.ept), ept_root(&m.ept).at | 0x1e);
	machine_stop();
}

PROMISE(an_entry_is_swapped_whole)
{
	u64 entry = 0x1111222233334444ull;

	assert_int_equal(ept_entry_swap(&entry, 0x5555666677778888ull), 0x1111222233334444ull);
	assert_int_equal(ept_entry_get(&entry), 0x5555666677778888ull);
}

RUN(
	T(uniform_memory_takes_two_tables),
	T(a_deep_split_costs_one_flush_and_owes_none),
	T(a_merge_over_two_levels_costs_one_flush),
	T(losing_rights_owes_a_flush_and_gaining_them_none),
	T(a_debt_is_paid_once),
	T(redirected_pages_ignore_protections_and_types),
	T(redirected_pages_stay_single_even_where_a_leaf_could_hold_them),
	T(rights_the_cpu_cannot_express_are_lost_never_gained),
	T(beyond_the_limit_nothing_is_mapped_or_protected),
	T(without_pages_a_protection_fails_whole),
	T(without_pages_types_become_uncached_not_wrong),
	T(without_pages_a_fill_says_so_and_recovers),
	T(the_pointer_and_capabilities_read_as_the_sdm_says),
	T(an_entry_is_swapped_whole))
