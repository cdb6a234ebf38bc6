/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT12: see ept.h. */
#include "ept.h"

#define ENTRIES		512
#define POOL_PAGES	64u
#define IDENTITY_END	(4ull << 30)

static u8 *pool;
static u32 pool_used;

static void *table_take(void)
{
	return pool && pool_used < POOL_PAGES ? memset(pool + 4096 * pool_used++, 0, 4096) : page_take();
}

void ept_recycle(void)
{
	if (!pool)
		pool = pages_take(POOL_PAGES);
	pool_used = 0;
}

u64 ept_new(void) { return physical(table_take()) | EPTP_DEFAULT; }

static u64 *table_of(u64 entry) { return (u64 *)(uptr)(entry & EPT_ADDRESS); }

static void split(u64 *entry, enum ept_level level)
{
	u64 *table = table_take(), old = *entry, page = ept_page(level - 1);

	if (old & EPT_LARGE)
		for (u32 i = 0; i < ENTRIES; i++)
			table[i] = (old & ~(level == EPT_2M ? (u64)EPT_LARGE : 0)) + i * page;
	*entry = physical(table) | EPT_RWX;
}

volatile u64 *ept_entry(u64 eptp, u64 gpa, enum ept_level level)
{
	u64 *table = table_of(eptp);

	for (enum ept_level at = EPT_512G;; at--) {
		u64 *entry = &table[gpa >> (12 + 9 * (at - 1)) & (ENTRIES - 1)];

		if (at == level)
			return entry;
		if (!(*entry & EPT_RWX) || *entry & EPT_LARGE)
			split(entry, at);
		table = table_of(*entry);
	}
}

void ept_map(u64 eptp, u64 gpa, u64 hpa, enum ept_level level, u64 bits)
{
	*ept_entry(eptp, gpa, level) = hpa | bits | (level == EPT_4K ? 0 : EPT_LARGE);
}

void ept_identity(u64 eptp)
{
	for (u64 start = 0; start < IDENTITY_END; start += ept_page(EPT_1G)) {
		volatile u64 *directory = ept_entry(eptp, start, EPT_2M);

		for (u32 i = 0; i < ENTRIES; i++)
			directory[i] = (start + i * ept_page(EPT_2M)) | EPT_RWX | EPT_WB | EPT_LARGE;
	}
}
