/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSR bitmaps of L1 and ours, merged and asked.
 * Links: xmhf/runtime/nested/msr_bitmap.c
 */
#include "unit.h"

#include "nested/msr_bitmap.h"

static _Alignas(PAGE_SIZE) u8 l1[PAGE_SIZE], ours[PAGE_SIZE], merged[PAGE_SIZE];

PROMISE(the_merge_exits_for_what_either_wants)
{
	u32 seed = 7;

	for (u32 i = 0; i < PAGE_SIZE; i++) {
		l1[i] = (u8)random_next(&seed);
		ours[i] = (u8)random_next(&seed);
	}
	bitmap_merge(merged, l1, ours);
	for (u32 i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(merged[i], l1[i] | ours[i]);
}

PROMISE(without_a_bitmap_of_l1_every_msr_exits)
{
	assert_true(msr_bitmap_wants(NULL, 0x10, MSR_ACCESS_READ));
}

/* SDM 25.6.9: each bit of the page stands for one MSR and one access. */
PROMISE(each_bit_is_one_access_to_one_msr)
{
	static const struct { u32 byte; u32 msr; enum msr_access access; } quarters[] = {
		{ 0, 0, MSR_ACCESS_READ }, { 1024, 0xc0000000, MSR_ACCESS_READ },
		{ 2048, 0, MSR_ACCESS_WRITE }, { 3072, 0xc0000000, MSR_ACCESS_WRITE },
	};

	for (u32 q = 0; q < 4; q++) {
		for (u32 bit = 0; bit < 8192; bit += 97) {
			memset(l1, 0, sizeof(l1));
			l1[quarters[q].byte + bit / 8] = (u8)BIT(bit % 8);
			for (u32 p = 0; p < 4; p++)
				for (u32 other = 0; other < 8192; other += 97)
					assert_int_equal(msr_bitmap_wants(l1, quarters[p].msr + other, quarters[p].access),
							 p == q && other == bit);
		}
	}
}

PROMISE(msrs_outside_the_bitmap_exit)
{
	static const u32 outside[] = { 0x2000, 0xbfffffff, 0xc0002000, 0xffffffff };

	memset(l1, 0, sizeof(l1));
	for (u32 i = 0; i < ARRAY_SIZE(outside); i++)
		assert_true(msr_bitmap_wants(l1, outside[i], MSR_ACCESS_WRITE));
	assert_false(msr_bitmap_wants(l1, 0x1fff, MSR_ACCESS_READ));
	assert_false(msr_bitmap_wants(l1, 0xc0001fff, MSR_ACCESS_WRITE));
}

RUN(T(the_merge_exits_for_what_either_wants), T(without_a_bitmap_of_l1_every_msr_exits), T(each_bit_is_one_access_to_one_msr),
    T(msrs_outside_the_bitmap_exit))
