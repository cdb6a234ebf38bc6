/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which page of low memory the INT 15h hook gets.
 * Links: xmhf/runtime/guest/int15_page.c xmhf/lib/e820.c
 */
#include "unit.h"

#include "guest/int15.h"

#define EBDA_NONE	0

/* A PC's low memory: RAM from 0 to @ram_end, the rest to 1 MiB reserved, RAM above. */
static struct e820_map pc(u32 ram_end)
{
	struct e820_map map = { 0 };

	assert_true(e820_add(&map, 0, ram_end, E820_RAM));
	assert_true(e820_add(&map, ram_end, 0xa0000 - ram_end, E820_RESERVED));
	assert_true(e820_add(&map, 0xf0000, 0x10000, E820_RESERVED));
	assert_true(e820_add(&map, 0x100000, 0x10000000, E820_RAM));
	assert_true(e820_normalise(&map));
	return map;
}

static void assert_page(u32 ram_end, u16 kib, u16 ebda, u32 wanted)
{
	struct e820_map map = pc(ram_end);

	assert_int_equal(int15_choose_page(&map, kib, ebda), wanted);
}

PROMISE(it_is_the_last_whole_page_below_the_ebda)
{
	assert_page(0x9fc00, 639, 0x9fc0, 0x9e000);
	assert_page(0x9f000, 636, 0x9f00, 0x9e000);	/* right-aligned: no page is wasted */
}

PROMISE(the_lowest_of_the_three_words_counts)
{
	assert_page(0x9fc00, 600, 0x9fc0, 0x95000);	/* 40:13 */
	assert_page(0x9fc00, 639, 0x8000, 0x7f000);	/* the EBDA */
	assert_page(0x90000, 639, 0x9fc0, 0x8f000);	/* the memory map */
}

PROMISE(without_an_ebda_the_other_two_decide)
{
	assert_page(0xa0000, 640, EBDA_NONE, 0x9f000);
	assert_page(0xa0000, 640, 0x40, 0x9f000);	/* nonsense in the BIOS data area */
	assert_page(0xa0000, 640, 0xffff, 0x9f000);
	assert_page(0xa0000, 640, 0xa000, 0x9f000);
}

PROMISE(it_never_lies_above_conventional_memory)
{
	struct e820_map all = { 0 };

	assert_true(e820_add(&all, 0, 0x10000000, E820_RAM));	/* a map without the hole */
	assert_true(e820_normalise(&all));
	assert_int_equal(int15_choose_page(&all, 0xffff, EBDA_NONE), 0x9f000);
}

PROMISE(there_is_none_where_boot_code_lives)
{
	assert_page(0x9fc00, 0, 0x9fc0, 0);
	assert_page(0x9fc00, 64, 0x9fc0, 0);
	assert_page(0x9fc00, 67, 0x9fc0, 0);		/* not a whole page */
	assert_page(0x9fc00, 68, 0x9fc0, 0x10000);
}

PROMISE(it_is_ram_by_the_memory_map_or_nothing)
{
	struct e820_map map = { 0 };

	assert_int_equal(int15_choose_page(&map, 639, 0x9fc0), 0);
	assert_true(e820_add(&map, 0, 0x9fc00, E820_RAM));
	assert_true(e820_normalise(&map));
	assert_true(e820_reserve(&map, 0x9e000, 0x800, E820_RESERVED));	/* a hole where the page would be */
	assert_int_equal(int15_choose_page(&map, 639, 0x9fc0), 0);
}

/* An inner copy's hook goes below that of the copy beneath, which lowered 40:13 and took its page out of the map. */
PROMISE(hooks_of_stacked_copies_lie_below_each_other)
{
	struct e820_map map = pc(0x9fc00);
	u16 kib = 639;

	for (u32 copy = 0; copy < 4; copy++) {
		u32 page = int15_choose_page(&map, kib, 0x9fc0);

		assert_int_equal(page, 0x9e000 - copy * 0x1000);
		assert_true(e820_reserve(&map, page, 0x1000, E820_RESERVED));
		kib = (u16)(page >> 10);
	}
}

RUN(T(it_is_the_last_whole_page_below_the_ebda),
    T(the_lowest_of_the_three_words_counts),
    T(without_an_ebda_the_other_two_decide),
    T(it_never_lies_above_conventional_memory),
    T(there_is_none_where_boot_code_lives),
    T(it_is_ram_by_the_memory_map_or_nothing),
    T(hooks_of_stacked_copies_lie_below_each_other))
