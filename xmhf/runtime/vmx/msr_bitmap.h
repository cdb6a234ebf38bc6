/* SPDX-License-Identifier: BSD-2-Clause */
/* The layout of an MSR bitmap (SDM 25.6.9): a bit each for reads of low MSRs, reads of high ones, then writes likewise. */
#ifndef VMX_MSR_BITMAP_H
#define VMX_MSR_BITMAP_H

#include "lib/types.h"

#define MSR_BITMAP_HIGH_FIRST	0xc0000000u
#define MSR_BITMAP_RANGE	0x2000u		/* MSRs that each part is for */
#define MSR_BITMAP_WRITES	2048u		/* bytes from the bits of reads to those of writes */
#define MSR_BITMAP_NONE		(~0u)

/* The bit of @msr's reads; MSR_BITMAP_NONE: it is in neither range, and exits always. */
static inline u32 msr_bitmap_bit(u32 msr)
{
	if (msr < MSR_BITMAP_RANGE)
		return msr;
	msr -= MSR_BITMAP_HIGH_FIRST;
	return msr < MSR_BITMAP_RANGE ? MSR_BITMAP_RANGE + msr : MSR_BITMAP_NONE;
}

#endif
