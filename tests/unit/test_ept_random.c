/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT01 under random operations equals its naive model, with maximal leaves, no lost table page,
 * and no translation that outlives what was owed for it.
 * Links: xmhf/runtime/memory/ept.c xmhf/runtime/memory/ept_edit.c
 */
#include "ept_model.h"

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

PROMISE(random_operations_match_the_naive_model)
{
	for (u32 seed = 1; seed <= 3; seed++)
		random_operations(CAPS_ALL, seed, 1000);
}

PROMISE(random_operations_match_without_large_leaves_or_execute_only)
{
	random_operations(CAPS_ALL & ~(EPT_CAP_1G | EPT_CAP_EXECUTE_ONLY), 11, 500);
	random_operations(CAPS_ALL & ~(EPT_CAP_2M | EPT_CAP_1G), 12, 30);
}

RUN(
	T(random_operations_match_the_naive_model),
	T(random_operations_match_without_large_leaves_or_execute_only))
