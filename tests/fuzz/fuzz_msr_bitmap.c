/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any two MSR bitmaps: what is merged of them exits for an access exactly if either does.
 * Links: xmhf/runtime/nested/msr_bitmap.c
 */
#include "fuzz.h"

#include "nested/msr_bitmap.h"

#define MSRS		64u
#define BYTES		32u	/* that differ from a page of zeros or ones */

static void fill(struct input *in, u8 *page)
{
	memset(page, input_take(in, 1) & 1 ? 0xff : 0, PAGE_SIZE);
	for (u32 i = 0; i < BYTES; i++)
		page[input_take(in, 2) % PAGE_SIZE] = (u8)input_take(in, 1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static _Alignas(PAGE_SIZE) u8 l1[PAGE_SIZE], ours[PAGE_SIZE], merged[PAGE_SIZE];
	struct input in = { data, size };

	fill(&in, l1);
	fill(&in, ours);
	bitmap_merge(merged, l1, ours);
	for (u32 i = 0; i < MSRS; i++) {
		u32 msr = (u32)input_take(&in, 4);
		enum msr_access access = input_take(&in, 1) & 1 ? MSR_ACCESS_WRITE : MSR_ACCESS_READ;

		if (i % 2)
			msr = (msr & 0xc0000000u) | (msr & 0x3fff);	/* near the ranges that the bitmap has */
		MUST(msr_bitmap_wants(merged, msr, access) ==
		     (msr_bitmap_wants(l1, msr, access) || msr_bitmap_wants(ours, msr, access)));
	}
	return 0;
}
