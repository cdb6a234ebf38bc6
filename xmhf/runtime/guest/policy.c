/* SPDX-License-Identifier: BSD-2-Clause */
/* The two bitmaps. */
#include "guest/policy.h"
#include "vmx/msr_bitmap.h"

_Alignas(PAGE_SIZE) u8 policy_msr_bitmap[PAGE_SIZE];
_Alignas(PAGE_SIZE) u8 policy_io_bitmap[2 * PAGE_SIZE];

void policy_intercept_msr(u8 bitmap[PAGE_SIZE], u32 msr, bool read, bool write)
{
	u32 bit = msr_bitmap_bit(msr);

	if (bit == MSR_BITMAP_NONE)
		return;
	if (read)
		bitmap[bit / 8] |= (u8)BIT(bit % 8);
	if (write)
		bitmap[MSR_BITMAP_WRITES + bit / 8] |= (u8)BIT(bit % 8);
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
