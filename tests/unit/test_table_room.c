/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much room our page tables get, by RAM and by what the CPU can do.
 * Links: xmhf/lib/table_room.c
 */
#include "unit.h"

#include "lib/ept_caps.h"
#include "lib/table_room.h"

#define SIZE_1T		(1024 * SIZE_1G)
#define DIRECTORIES(gib) ((gib) * 4096ull)

static u64 room(u64 ept_caps, bool pages_1g, u64 top, u32 bits)
{
	struct cpu_facts facts = { .ept_vpid_cap = ept_caps, .pages_1g = pages_1g };

	return table_room_bytes(&facts, top, bits);
}

PROMISE(up_to_4_gib_nothing_is_added)
{
	assert_int_equal(room(0, false, SIZE_4G, 64), 0);
	assert_int_equal(room(0, false, SIZE_1G, 64), 0);
	assert_int_equal(room(0, false, 0, 32), 0);
}

PROMISE(each_gib_costs_each_map_a_table_where_it_has_no_1_gib_pages)
{
	u64 ept = room(0, true, SIZE_1T + SIZE_4G, 64), ours = room(EPT_CAP_1G, false, SIZE_1T + SIZE_4G, 64);
	u64 both = room(0, false, SIZE_1T + SIZE_4G, 64), none = room(EPT_CAP_1G, true, SIZE_1T + SIZE_4G, 64);

	assert_int_equal(ept, none + DIRECTORIES(1024));
	assert_int_equal(ours, none + DIRECTORIES(1024));
	assert_int_equal(both, none + 2 * DIRECTORIES(1024));
	assert_in_range(none, 1, 64 << 10);
}

PROMISE(a_gib_that_is_begun_counts_whole)
{
	assert_int_equal(room(0, true, SIZE_4G + 1, 32), room(0, true, SIZE_4G + SIZE_1G, 32));
	assert_int_equal(room(0, true, SIZE_4G + SIZE_1G + 1, 32), room(0, true, SIZE_4G + SIZE_1G, 32) + PAGE_SIZE);
}

PROMISE(the_i386_hypervisor_pays_for_ept01_alone)
{
	assert_int_equal(room(0, false, SIZE_1T, 32), room(0, true, SIZE_1T, 32));
	assert_true(room(0, false, SIZE_1T, 32) < room(0, true, SIZE_1T, 64));
	assert_int_equal(room(EPT_CAP_1G, true, SIZE_1T, 32) * 2, room(EPT_CAP_1G, true, SIZE_1T, 64));
}

RUN(T(up_to_4_gib_nothing_is_added), T(each_gib_costs_each_map_a_table_where_it_has_no_1_gib_pages),
    T(a_gib_that_is_begun_counts_whole), T(the_i386_hypervisor_pays_for_ept01_alone))
