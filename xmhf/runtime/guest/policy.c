/* SPDX-License-Identifier: BSD-2-Clause */
/* The two bitmaps. */
#include "guest/policy.h"
#include "vmx/msr_bitmap.h"

_Alignas(PAGE_SIZE) u8 policy_msr_bitmap[PAGE_SIZE];
_Alignas(PAGE_SIZE) u8 policy_io_bitmap[2 * PAGE_SIZE];

void policy_intercept_msr(u8 bitmap[PAGE_SIZE], u32 msr, bool read, bool write)
{
	u8 *part = bitmap;
	u8 bit = (u8)BIT(msr & 7);

	if (msr >= MSR_BITMAP_HIGH_FIRST) {
		msr -= MSR_BITMAP_HIGH_FIRST;
		part += MSR_BITMAP_HIGH;
	}
	if (msr >= MSR_BITMAP_RANGE)
		return;			/* outside both ranges: the CPU exits anyway */
	if (read)
		part[msr / 8] |= bit;
	if (write)
		part[MSR_BITMAP_WRITES + msr / 8] |= bit;
}

void policy_intercept_ports(u16 first, u32 count, bool wanted)
{
	for (u32 port = first; port - first < count && port <= 0xffff; port++) {
		if (wanted)
			policy_io_bitmap[port / 8] |= (u8)BIT(port & 7);
		else
			policy_io_bitmap[port / 8] &= (u8)~BIT(port & 7);
	}
}

void policy_init(void)
{
	cpuid_policy_init();
	msr_policy_init();
	io_policy_init();
}
