/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory types of EPT02: all 25 pairs.
 * Links: xmhf/runtime/nested/memory_type.c
 */
#include "unit.h"

#include "memory/ept_entry.h"
#include "nested/memory_type.h"

#define UC	MEMTYPE_UC
#define WC	MEMTYPE_WC
#define WT	MEMTYPE_WT
#define WP	MEMTYPE_WP
#define WB	MEMTYPE_WB

static const enum memory_type types[] = { UC, WC, WT, WP, WB };

/* Rows are EPT12's type, columns EPT01's, in the order above. */
static const enum memory_type merged[5][5] = {
	{ UC, UC, UC, UC, UC },
	{ UC, WC, UC, UC, WC },
	{ UC, UC, WT, UC, WT },
	{ UC, UC, UC, WP, WP },
	{ UC, WC, WT, WP, WB },
};

/* What a type lets the CPU do: cache reads, delay writes, combine writes. None may appear that either forbids. */
static u32 freedom(enum memory_type type)
{
	enum { CACHES_READS = 1, CACHES_WRITES = 2, COMBINES_WRITES = 4 };
	static const u32 of[] = {
		[UC] = 0, [WC] = COMBINES_WRITES, [WT] = CACHES_READS, [WP] = CACHES_READS,
		[WB] = CACHES_READS | CACHES_WRITES | COMBINES_WRITES,
	};

	return of[type];
}

PROMISE(all_25_pairs_are_as_designed)
{
	for (u32 a = 0; a < 5; a++)
		for (u32 b = 0; b < 5; b++)
			assert_int_equal(memory_type_merge(types[a], types[b]), merged[a][b]);
}

PROMISE(merge_is_symmetric_and_never_weaker_than_either)
{
	for (u32 a = 0; a < 5; a++) {
		for (u32 b = 0; b < 5; b++) {
			enum memory_type m = memory_type_merge(types[a], types[b]);

			assert_int_equal(m, memory_type_merge(types[b], types[a]));
			assert_int_equal(freedom(m) & ~(freedom(types[a]) & freedom(types[b])), 0);
		}
	}
}

PROMISE(ipat_is_kept)
{
	u64 wb = WB << EPT_ENTRY_TYPE_SHIFT, wc = WC << EPT_ENTRY_TYPE_SHIFT;

	assert_int_equal(memory_type_merge_leaves(wb | EPT_ENTRY_IPAT | 0x1007, wb | 0x2007), wb | EPT_ENTRY_IPAT);
	assert_int_equal(memory_type_merge_leaves(wb | 0x1007, wc | EPT_ENTRY_IPAT), wc | EPT_ENTRY_IPAT);
	assert_int_equal(memory_type_merge_leaves(wb | ~0x7full, wb), wb);
}

RUN(T(all_25_pairs_are_as_designed), T(merge_is_symmetric_and_never_weaker_than_either), T(ipat_is_kept))
