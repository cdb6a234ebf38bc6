/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting page tables. */
#include "lib/ept_caps.h"
#include "lib/table_room.h"

#define SPAN_OF_PDPT	(512 * SIZE_1G)

static u64 one_map(u64 bytes, bool has_1g)
{
	u64 tables = round_up(bytes, SPAN_OF_PDPT) / SPAN_OF_PDPT;

	if (!has_1g)
		tables += round_up(bytes, SIZE_1G) / SIZE_1G;
	return tables * PAGE_SIZE;
}

u64 table_room_bytes(const struct cpu_facts *f, u64 top, u32 bits)
{
	u64 above = top > SIZE_4G ? top - SIZE_4G : 0;
	u64 room = one_map(above, f->ept_vpid_cap & EPT_CAP_1G);

	if (bits == 64)				/* the 32-bit one itself maps nothing there */
		room += one_map(above, f->pages_1g);
	return room;
}
