/* SPDX-License-Identifier: BSD-2-Clause */
/* The size of EPT02's pool. */
#include "lib/ept_pool.h"

#define BYTES_PER_TABLE_BYTE	512u		/* an entry of 8 bytes maps 4 KiB */
#define BY_RAM_MIN		(4ull << 20)
#define BY_RAM_MAX		(256ull << 20)	/* it has to lie below 4 GiB */
#define FLOOR			(256ull << 10)
#define FLOOR_PER_CPU		(2ull * EPT_POOL_ROOTS_PER_CPU * PAGE_SIZE)	/* its roots, and a way down */

u64 ept_pool_bytes(const struct boot_options *options, u64 ram, u32 cpus)
{
	u64 by_ram = MIN(MAX(ram / BYTES_PER_TABLE_BYTE, BY_RAM_MIN), BY_RAM_MAX);
	u64 asked = options->ept_pool ? options->ept_pool : by_ram;

	return round_up(MAX(asked, FLOOR + cpus * FLOOR_PER_CPU), PAGE_SIZE);
}
