/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the INT 15h hook goes. */
#include "guest/int15.h"

#define LOW_END		0xa0000u
#define LOW_START	0x10000u	/* no hook down where boot code lives */

u32 int15_choose_page(const struct e820_map *map, u16 kib, u16 ebda_segment)
{
	u32 end = MIN((u32)kib << 10, LOW_END);
	u32 ebda = (u32)ebda_segment << 4;
	u32 ram_end = (u32)e820_top_of_ram(map, LOW_END);

	if (ebda > LOW_START && ebda < LOW_END)
		end = MIN(end, ebda);
	end = MIN(end, ram_end) & ~(u32)PAGE_MASK;
	if (end < LOW_START + PAGE_SIZE || !e820_is_ram(map, end - PAGE_SIZE, PAGE_SIZE))
		return 0;
	return end - PAGE_SIZE;
}
