/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 64-bit division for code that must also build as 32-bit without libgcc.
 */
#ifndef XMHF_LIB_DIV_H
#define XMHF_LIB_DIV_H

#include "types.h"

/* Returns @n / @d and leaves the remainder in @remainder. @d isn't 0. */
static inline u64 u64_divide(u64 n, u32 d, u32 *remainder)
{
	u32 high = (u32)(n >> 32);
	u32 low = (u32)n;
	u32 high_quotient = high / d;

	/* high % d is below d, so this DIV can't overflow. */
	__asm__("divl %[d]" : "=a"(low), "=d"(*remainder)
		: "0"(low), "1"(high % d), [d] "rm"(d) : "cc");
	return (u64)high_quotient << 32 | low;
}

#endif
