/* SPDX-License-Identifier: BSD-2-Clause */
/* MSR bitmaps (SDM 25.6.9): L1's merged with ours for L2, and what L1's asks for. */
#ifndef NESTED_MSR_BITMAP_H
#define NESTED_MSR_BITMAP_H

#include "lib/types.h"
#include "vmx/msr_bitmap.h"

/* L2 exits for what either wants: a page of bits that are set in either, I/O bitmaps too; page aligned. */
void bitmap_merge(u8 to[PAGE_SIZE], const u8 a[PAGE_SIZE], const u8 b[PAGE_SIZE]);

enum msr_access { MSR_ACCESS_READ, MSR_ACCESS_WRITE };

/* Does RDMSR or WRMSR of @msr in L2 exit to L1, by its bitmap (NULL: it uses none)? */
static inline bool msr_bitmap_wants(const u8 *l1, u32 msr, enum msr_access access)
{
	u32 bit = msr_bitmap_bit(msr);

	if (!l1 || bit == MSR_BITMAP_NONE)
		return true;
	if (access == MSR_ACCESS_WRITE)
		l1 += MSR_BITMAP_WRITES;
	return ((const u32 *)l1)[bit / 32] >> bit % 32 & 1;
}

#endif
