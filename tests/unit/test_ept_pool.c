/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of our range EPT02 gets.
 * Links: xmhf/lib/ept_pool.c
 */
#include "unit.h"

#include "lib/ept_pool.h"

#define MIB	(1ull << 20)

static u64 pool(u64 asked, u64 ram, u32 cpus)
{
	struct boot_options options = { .ept_pool = asked };

	return ept_pool_bytes(&options, ram, cpus);
}

PROMISE(by_ram_it_has_the_bytes_of_the_entries_that_map_it)
{
	assert_int_equal(pool(0, SIZE_4G, 1), 8 * MIB);
	assert_int_equal(pool(0, 64 * SIZE_1G, 16), 128 * MIB);
	assert_int_equal(pool(0, SIZE_4G + 1000, 1) % PAGE_SIZE, 0);
}

PROMISE(small_machines_get_4_mib_and_big_ones_what_fits_below_4_gib)
{
	assert_int_equal(pool(0, 128 * MIB, 1), 4 * MIB);
	assert_int_equal(pool(0, 1ull << 44, 64), 256 * MIB);
}

PROMISE(the_option_wins_in_whole_pages)
{
	assert_int_equal(pool(64 * MIB, SIZE_4G, 1), 64 * MIB);
	assert_int_equal(pool(MIB + 1, SIZE_4G, 1), MIB + PAGE_SIZE);
	assert_int_equal(pool(SIZE_4G, SIZE_1G, 1), SIZE_4G);
}

PROMISE(it_never_has_less_than_every_cpu_needs)
{
	assert_true(pool(1, SIZE_4G, 1) >= 16 * PAGE_SIZE + 2 * EPT_POOL_ROOTS_PER_CPU * PAGE_SIZE);
	assert_int_equal(pool(1, SIZE_4G, 101) - pool(1, SIZE_4G, 1), 100 * 2 * EPT_POOL_ROOTS_PER_CPU * PAGE_SIZE);
}

RUN(T(by_ram_it_has_the_bytes_of_the_entries_that_map_it),
    T(small_machines_get_4_mib_and_big_ones_what_fits_below_4_gib),
    T(the_option_wins_in_whole_pages),
    T(it_never_has_less_than_every_cpu_needs))
