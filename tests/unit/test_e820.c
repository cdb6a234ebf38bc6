/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map against a model: one type a cell, for a few cells anywhere in the address space.
 * Links: xmhf/lib/e820.c
 */
#include "unit.h"

#include "lib/e820.h"

#define CELLS	16u
#define MIB	(1ull << 20)
#define GIB	(1ull << 30)

struct model {
	u64 start;		/* address of cell 0 */
	u32 type[CELLS];
};

/* Where the cells lie: at 0, across 4 GiB, and up to the last byte of the address space. */
static const u64 starts[] = { 0, 0x1000, SIZE_4G - CELLS / 2, 0 - (u64)CELLS };

static void model_set(struct model *m, u32 from, u32 length, u32 type)
{
	for (u32 i = from; i < from + length && i < CELLS; i++)
		m->type[i] = type;
}

static void model_raise(struct model *m, u32 from, u32 length, u32 type)
{
	for (u32 i = from; i < from + length && i < CELLS; i++)
		m->type[i] = MAX(m->type[i], type);
}

static void add(struct e820_map *map, u64 base, u64 length, u32 type)
{
	assert_true(e820_add(map, base, length, type));
}

/* Sorted, without empty entries, overlaps or neighbours of one type; and it says what @m says. */
static void assert_same(const struct e820_map *map, const struct model *m)
{
	u32 covered = 0;

	for (u32 i = 0; i < map->count; i++) {
		const struct e820_entry *e = &map->entry[i];

		assert_true(e->length != 0);
		assert_int_equal(e->acpi_attr, 1);
		if (i > 0)
			assert_true(e[-1].base + e[-1].length <= e->base);
		if (i > 0 && e[-1].base + e[-1].length == e->base)
			assert_true(e[-1].type != e->type);
		covered += (u32)e->length;
	}
	for (u32 i = 0; i < CELLS; i++) {
		assert_int_equal(e820_type_at(map, m->start + i), m->type[i]);
		covered -= m->type[i] != 0;
	}
	assert_int_equal(covered, 0);
}

static void build(struct e820_map *map, struct model *m)
{
	*map = (struct e820_map){ 0 };
	for (u32 i = 0; i < CELLS; i++)
		if (m->type[i] != 0)
			add(map, m->start + i, 1, m->type[i]);
	assert_true(e820_normalise(map));
	assert_same(map, m);
}

static void random_model(struct model *m, u32 *seed)
{
	*m = (struct model){ .start = starts[random_next(seed) % ARRAY_SIZE(starts)] };
	for (u32 n = random_next(seed) % 6; n > 0; n--)
		model_set(m, random_next(seed) % CELLS, random_next(seed) % CELLS, random_next(seed) % 4);
}

PROMISE(any_two_overlapping_entries_give_the_higher_type)
{
	for (u32 s = 0; s < ARRAY_SIZE(starts); s++)
	for (u32 a = 0; a < 8; a++)
	for (u32 an = 0; an < 8; an++)
	for (u32 b = 0; b < 8; b++)
	for (u32 bn = 0; bn < 8; bn++)
	for (u32 types = 0; types < 3; types++) {
		u32 ta = 1 + types % 2, tb = 1 + types / 2;
		struct model m = { .start = starts[s] };
		struct e820_map map = { 0 };

		add(&map, m.start + a, an, ta);
		add(&map, m.start + b, bn, tb);
		model_raise(&m, a, an, ta);
		model_raise(&m, b, bn, tb);
		assert_true(e820_normalise(&map));
		assert_same(&map, &m);
	}
}

PROMISE(random_maps_normalise_as_the_model)
{
	u32 seed = 1;

	for (u32 round = 0; round < 20000; round++) {
		struct model m = { .start = starts[round % ARRAY_SIZE(starts)] };
		struct e820_map map = { 0 };

		for (u32 n = random_next(&seed) % 12; n > 0; n--) {
			u32 from = random_next(&seed) % CELLS;
			u32 length = random_next(&seed) % (CELLS - from + 1);
			u32 type = 1 + random_next(&seed) % 5;

			add(&map, m.start + from, length, type);
			model_raise(&m, from, length, type);
		}
		assert_true(e820_normalise(&map));
		assert_same(&map, &m);
	}
}

PROMISE(reserve_is_right_for_every_place_in_every_shape)
{
	u32 seed = 2;

	for (u32 round = 0; round < 300; round++) {
		struct model before;

		random_model(&before, &seed);
		for (u32 from = 0; from < CELLS; from++) {
			for (u32 length = 0; length <= CELLS - from; length++) {
				struct model m = before;
				struct e820_map map;

				build(&map, &m);
				assert_true(e820_reserve(&map, m.start + from, length, E820_RESERVED));
				model_set(&m, from, length, E820_RESERVED);
				assert_same(&map, &m);
			}
		}
	}
}

PROMISE(reserve_leaves_ram_on_both_sides)
{
	struct e820_map map = { 0 };

	add(&map, MIB, 63 * MIB, E820_RAM);
	assert_true(e820_reserve(&map, 16 * MIB, 4 * MIB, E820_RESERVED));
	assert_int_equal(map.count, 3);
	assert_int_equal(map.entry[0].length, 15 * MIB);
	assert_int_equal(map.entry[1].base, 16 * MIB);
	assert_int_equal(map.entry[1].length, 4 * MIB);
	assert_int_equal(map.entry[2].base, 20 * MIB);
	assert_int_equal(map.entry[2].length, 44 * MIB);
}

PROMISE(reserve_right_aligned_and_exact_leave_no_empty_entries)
{
	struct e820_map map = { 0 };

	add(&map, MIB, 63 * MIB, E820_RAM);
	assert_true(e820_reserve(&map, 60 * MIB, 4 * MIB, E820_RESERVED));
	assert_int_equal(map.count, 2);
	assert_true(e820_reserve(&map, MIB, 59 * MIB, E820_RESERVED));
	assert_int_equal(map.count, 1);
	assert_int_equal(map.entry[0].length, 63 * MIB);
}

PROMISE(ranges_may_reach_the_last_byte_of_64_bits)
{
	struct e820_map map = { 0 };

	add(&map, 0 - MIB, MIB, E820_RESERVED);
	add(&map, 0 - 2 * MIB, ~0ull, E820_RAM);	/* cut at 2^64 */
	assert_true(e820_normalise(&map));
	assert_int_equal(map.count, 2);
	assert_int_equal(map.entry[0].length, MIB);
	assert_int_equal(e820_type_at(&map, ~0ull), E820_RESERVED);
	assert_true(e820_reserve(&map, 0 - 2 * MIB, ~0ull, E820_NVS));
	assert_int_equal(map.count, 1);
	assert_int_equal(map.entry[0].length, 2 * MIB);
}

PROMISE(a_map_of_everything_survives)
{
	struct e820_map map = { 0 };

	add(&map, 0, ~0ull, E820_RAM);
	add(&map, 1ull << 63, 1ull << 63, E820_RAM);
	assert_true(e820_normalise(&map));
	assert_int_equal(map.count, 1);
	assert_true(e820_reserve(&map, MIB, MIB, E820_RESERVED));
	assert_int_equal(map.count, 3);
	assert_true(e820_is_ram(&map, 2 * MIB, 1ull << 63));
}

/* 127 RAM entries with holes between them. */
static void fill_map(struct e820_map *map)
{
	*map = (struct e820_map){ 0 };
	for (u32 i = 0; i < E820_MAX - 1; i++)
		add(map, i * 4 * MIB, 2 * MIB, E820_RAM);
	assert_true(e820_normalise(map));
}

PROMISE(a_full_map_refuses_and_stays_unchanged)
{
	struct e820_map map, before;

	fill_map(&map);
	before = map;
	assert_false(e820_reserve(&map, MIB / 2, MIB, E820_RESERVED));
	assert_memory_equal(&map, &before, sizeof(map));
	assert_true(e820_reserve(&map, MIB, MIB, E820_RESERVED));
	assert_int_equal(map.count, E820_MAX);
	assert_false(e820_add(&map, 0, 1, E820_RAM));
	assert_false(e820_reserve(&map, 1ull << 40, MIB, E820_RESERVED));
	assert_true(e820_reserve(&map, MIB, MIB, E820_RAM));
	assert_int_equal(map.count, E820_MAX - 1);
}

PROMISE(too_many_pieces_are_refused_and_leave_the_map)
{
	struct e820_map map = { 0 }, before;

	add(&map, 0, 1ull << 40, E820_RAM);
	for (u32 i = 1; i < E820_MAX; i++)
		add(&map, i * 4 * MIB, MIB, E820_RESERVED);
	before = map;
	assert_false(e820_normalise(&map));
	assert_memory_equal(&map, &before, sizeof(map));
}

PROMISE(hiding_above_4g_takes_ram_alone)
{
	struct e820_map map = { 0 };

	add(&map, 0, 3 * GIB, E820_RAM);
	add(&map, SIZE_4G - MIB, MIB, E820_RESERVED);
	add(&map, SIZE_4G, 4 * GIB, E820_RAM);
	add(&map, 16 * GIB, GIB, E820_RESERVED);
	assert_true(e820_hide_above_4g(&map) == 4 * GIB);
	assert_int_equal(map.count, 3);
	assert_int_equal(map.entry[2].base, 16 * GIB);
	assert_true(e820_hide_above_4g(&map) == 0);
}

PROMISE(hiding_above_4g_cuts_ram_that_crosses_it)
{
	struct e820_map map = { 0 };

	add(&map, 3 * GIB, 3 * GIB, E820_RAM);
	assert_true(e820_hide_above_4g(&map) == 2 * GIB);
	assert_int_equal(map.count, 1);
	assert_true(map.entry[0].length == GIB);
}

/* The model's answer: the highest aligned cell that fits, tried one by one. */
static u64 model_find(const struct model *m, u32 size, u32 align, u64 limit,
		      const struct mem_range *occupied, u32 n)
{
	for (u32 from = CELLS; from-- > 0;) {
		bool ok = from + size <= CELLS && (m->start + from) % align == 0 && m->start + from < limit &&
			  limit - (m->start + from) >= size;

		for (u32 i = from; ok && i < from + size; i++) {
			ok = m->type[i] == E820_RAM;
			for (u32 k = 0; k < n; k++)
				if (m->start + i - occupied[k].base < occupied[k].length)
					ok = false;
		}
		if (ok)
			return m->start + from;
	}
	return E820_NOT_FOUND;
}

PROMISE(find_free_gives_the_highest_place_of_the_model)
{
	u32 seed = 3;

	for (u32 round = 0; round < 30000; round++) {
		struct mem_range occupied[3];
		struct e820_map map;
		struct model m;
		u32 size, align;
		u64 limit;

		random_model(&m, &seed);
		build(&map, &m);
		for (u32 i = 0; i < 3; i++) {
			u32 from = random_next(&seed) % CELLS;

			occupied[i] = (struct mem_range){ m.start + from, random_next(&seed) % 4 % (CELLS - from) };
		}
		size = 1 + random_next(&seed) % 6;
		align = 1u << random_next(&seed) % 4;
		limit = random_next(&seed) % 2 ? ~0ull : m.start + random_next(&seed) % CELLS;
		if (limit == ~0ull && m.start + CELLS == 0)
			m.type[CELLS - 1] = 0;		/* the last byte is above every limit */
		assert_true(e820_find_free(&map, size, align, limit, occupied, 3) ==
			    model_find(&m, size, align, limit, occupied, 3));
	}
}

PROMISE(find_free_takes_an_exact_fit_and_the_top_below_the_limit)
{
	struct e820_map map = { 0 };
	struct mem_range kernel = { 100 * MIB, 10 * MIB };

	add(&map, MIB, 127 * MIB, E820_RAM);
	add(&map, SIZE_4G, GIB, E820_RAM);
	assert_true(e820_find_free(&map, 16 * MIB, 2 * MIB, SIZE_4G, NULL, 0) == 112 * MIB);
	assert_true(e820_find_free(&map, 20 * MIB, 2 * MIB, SIZE_4G, &kernel, 1) == 80 * MIB);
	assert_true(e820_find_free(&map, 127 * MIB, MIB, SIZE_4G, NULL, 0) == MIB);
	assert_true(e820_find_free(&map, 127 * MIB, 2 * MIB, SIZE_4G, NULL, 0) == E820_NOT_FOUND);
	assert_true(e820_find_free(&map, 128 * MIB, MIB, SIZE_4G, NULL, 0) == E820_NOT_FOUND);
	assert_true(e820_find_free(&map, ~0ull, MIB, SIZE_4G, NULL, 0) == E820_NOT_FOUND);
	assert_true(e820_find_free(&map, 0, MIB, SIZE_4G, NULL, 0) == E820_NOT_FOUND);
}

PROMISE(is_ram_wants_all_of_it)
{
	u32 seed = 4;

	for (u32 round = 0; round < 500; round++) {
		struct e820_map map;
		struct model m;

		random_model(&m, &seed);
		build(&map, &m);
		for (u32 from = 0; from < CELLS; from++) {
			bool ram = true;

			for (u32 n = 0; from + n <= CELLS; n++) {
				if (n > 0)
					ram &= m.type[from + n - 1] == E820_RAM;
				assert_int_equal(e820_is_ram(&map, m.start + from, n), ram);
			}
		}
	}
}

PROMISE(older_calls_agree_with_the_map)
{
	struct e820_map map = { 0 };
	u16 ax, bx;

	add(&map, 0, 0x9fc00, E820_RAM);
	add(&map, MIB, 255 * MIB, E820_RAM);
	e820_e801(&map, &ax, &bx);
	assert_int_equal(ax, 0x3c00);
	assert_int_equal(bx, 240 * 16);
	assert_int_equal(e820_int88(&map), 63 * 1024);
	assert_int_equal(e820_ram_end(&map, 0), 0x9fc00);

	assert_true(e820_reserve(&map, 32 * MIB, 16 * MIB, E820_RESERVED));
	e820_e801(&map, &ax, &bx);
	assert_int_equal(ax, 0x3c00);
	assert_int_equal(bx, 16 * 16);
	assert_int_equal(e820_int88(&map), 31 * 1024);

	assert_true(e820_reserve(&map, 8 * MIB, MIB, E820_RESERVED));
	e820_e801(&map, &ax, &bx);
	assert_int_equal(ax, 7 * 1024);
	assert_int_equal(bx, 16 * 16);
	assert_int_equal(e820_int88(&map), 7 * 1024);

	assert_true(e820_reserve(&map, MIB, 64 * MIB, E820_RESERVED));
	e820_e801(&map, &ax, &bx);
	assert_int_equal(ax, 0);
	assert_int_equal(bx, 0);
	assert_int_equal(e820_int88(&map), 0);
}

PROMISE(e801_counts_up_to_4_gib)
{
	struct e820_map map = { 0 };
	u16 ax, bx;

	add(&map, MIB, 8 * GIB, E820_RAM);
	e820_e801(&map, &ax, &bx);
	assert_int_equal(ax, 0x3c00);
	assert_int_equal(bx, 0xff00);

	assert_true(e820_reserve(&map, MIB, ~0ull, E820_RAM));
	e820_e801(&map, &ax, &bx);
	assert_int_equal(ax, 0x3c00);
	assert_int_equal(bx, 0xff00);
	assert_int_equal(e820_int88(&map), 63 * 1024);
	assert_true(e820_ram_end(&map, MIB) == ~0ull);
}

PROMISE(the_top_of_ram_minds_the_limit)
{
	struct e820_map map = { 0 };

	assert_true(e820_top_of_ram(&map, SIZE_4G) == 0);
	add(&map, 0, 3 * GIB, E820_RAM);
	add(&map, SIZE_4G - MIB, MIB, E820_RESERVED);
	add(&map, SIZE_4G, 4 * GIB, E820_RAM);
	assert_true(e820_top_of_ram(&map, SIZE_4G) == 3 * GIB);
	assert_true(e820_top_of_ram(&map, GIB) == GIB);
	assert_true(e820_top_of_ram(&map, ~0ull) == 8 * GIB);
	assert_true(e820_ram_bytes(&map) == 7 * GIB);
}

RUN(T(any_two_overlapping_entries_give_the_higher_type), T(random_maps_normalise_as_the_model),
    T(reserve_is_right_for_every_place_in_every_shape), T(reserve_leaves_ram_on_both_sides),
    T(reserve_right_aligned_and_exact_leave_no_empty_entries),
    T(ranges_may_reach_the_last_byte_of_64_bits), T(a_map_of_everything_survives),
    T(a_full_map_refuses_and_stays_unchanged), T(too_many_pieces_are_refused_and_leave_the_map),
    T(hiding_above_4g_takes_ram_alone), T(hiding_above_4g_cuts_ram_that_crosses_it),
    T(find_free_gives_the_highest_place_of_the_model),
    T(find_free_takes_an_exact_fit_and_the_top_below_the_limit), T(is_ram_wants_all_of_it),
    T(older_calls_agree_with_the_map), T(e801_counts_up_to_4_gib), T(the_top_of_ram_minds_the_limit))
