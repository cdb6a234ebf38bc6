/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When L1's bitmaps have to be merged anew after it wrote controls, with watches and where none is left.
 * Links: xmhf/runtime/nested/bitmaps.c xmhf/runtime/nested/msr_bitmap.c
 */
#include "unit.h"

#include "guest/policy.h"
#include "nested/bitmaps.h"

static _Alignas(PAGE_SIZE) u8 l1[PAGE_SIZE], other[PAGE_SIZE], merged_msrs[PAGE_SIZE], merged_io[2 * PAGE_SIZE];
_Alignas(PAGE_SIZE) u8 policy_msr_bitmap[PAGE_SIZE], policy_io_bitmap[2 * PAGE_SIZE];
u64 track_mark = 1;
u32 track_changes;

static struct track_page pages[NESTED_BITMAPS];
static struct vmcs12 m;
static struct nested_vmcs c;
static bool watches_left;

u64 nested_page_to_read(u64 page) { return page; }
bool watch_look(struct watch *w) { return !w->page; }

/* As nested/ept.c has it. */
bool nested_watch(struct watch *w, const gpa1_t *page)
{
	struct track_page *p = &pages[w - c.watches];

	if (w->page ? page && page->at == w->page->at.at : !page)
		return false;
	w->page = page && watches_left ? p : NULL;
	if (page)
		p->at = *page;
	return true;
}

static void start(bool watches)
{
	memset(&m, 0, sizeof(m));
	memset(&c, 0, sizeof(c));
	memset(l1, 0, sizeof(l1));
	watches_left = watches;
	c.m = &m;
	c.msr_bitmap = merged_msrs;
	c.io_bitmaps = merged_io;
	m.PRIMARY_CTRLS = PRIMARY_MSR_BITMAPS | PRIMARY_IO_BITMAPS;
	m.MSR_BITMAP = m.IO_BITMAP_A = m.IO_BITMAP_B = (uptr)l1;
	assert_true(bitmaps_choose(&c));
	bitmaps_merge(&c);
	assert_int_equal(merged_msrs[0], 0);
	assert_int_equal(merged_io[0], 0);
}

PROMISE(controls_that_name_the_same_pages_change_nothing)
{
	start(true);
	m.TSC_OFFSET = 5;
	assert_false(bitmaps_choose(&c));
}

PROMISE(another_page_is_merged)
{
	start(true);
	m.MSR_BITMAP = (uptr)other;
	assert_true(bitmaps_choose(&c));
	start(false);
	m.MSR_BITMAP = (uptr)other;
	assert_true(bitmaps_choose(&c));
}

/* Without bitmaps of L1's every access is L1's: ones. */
PROMISE(bitmaps_out_of_use_are_merged_as_ones_and_in_use_again_as_they_are)
{
	for (u32 watches = 0; watches < 2; watches++) {
		start(watches);
		m.PRIMARY_CTRLS = 0;
		assert_true(bitmaps_choose(&c));
		bitmaps_merge(&c);
		assert_int_equal(merged_msrs[0], 0xff);
		assert_int_equal(merged_io[0], 0xff);
		assert_null(c.l1_bitmaps[BITMAP_MSRS]);
		assert_null(c.l1_bitmaps[BITMAP_IO_A]);
		assert_false(bitmaps_choose(&c));
		m.PRIMARY_CTRLS = PRIMARY_MSR_BITMAPS;
		assert_true(bitmaps_choose(&c));
		bitmaps_merge(&c);
		assert_int_equal(merged_msrs[0], 0);
		assert_int_equal(merged_io[0], 0xff);
	}
}

RUN(T(controls_that_name_the_same_pages_change_nothing), T(another_page_is_merged),
    T(bitmaps_out_of_use_are_merged_as_ones_and_in_use_again_as_they_are))
