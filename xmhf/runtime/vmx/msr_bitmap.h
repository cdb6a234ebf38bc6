/* SPDX-License-Identifier: BSD-2-Clause */
/* The layout of an MSR bitmap (SDM 25.6.9): a bit each for reads of low MSRs, reads of high ones, then writes likewise. */
#ifndef VMX_MSR_BITMAP_H
#define VMX_MSR_BITMAP_H

#define MSR_BITMAP_HIGH_FIRST	0xc0000000u
#define MSR_BITMAP_RANGE	0x2000u		/* MSRs that each part is for */
#define MSR_BITMAP_HIGH		1024		/* bytes from the bits of low MSRs to those of high ones */
#define MSR_BITMAP_WRITES	2048		/* bytes from those of reads to those of writes */

#endif
