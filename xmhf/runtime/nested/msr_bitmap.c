/* SPDX-License-Identifier: BSD-2-Clause */
/* Four quarters of 8192 bits: reads of low MSRs, reads of high ones, writes likewise. */
#include "nested/msr_bitmap.h"

#define HIGH_FIRST	0xc0000000u
#define RANGE		0x2000u
#define QUARTER		(RANGE / 8)

void bitmap_merge(u8 to[PAGE_SIZE], const u8 a[PAGE_SIZE], const u8 b[PAGE_SIZE])
{
	for (u32 i = 0; i < PAGE_SIZE; i += sizeof(uptr))
		*(uptr *)(to + i) = *(const uptr *)(a + i) | *(const uptr *)(b + i);
}

bool msr_bitmap_wants(const u8 *l1, u32 msr, enum msr_access access)
{
	u32 quarter = (access == MSR_ACCESS_WRITE ? 2 : 0) + (msr >= HIGH_FIRST ? 1 : 0);
	u32 bit = msr >= HIGH_FIRST ? msr - HIGH_FIRST : msr;

	if (l1 == NULL || bit >= RANGE)
		return true;
	return l1[quarter * QUARTER + bit / 8] >> bit % 8 & 1;
}
