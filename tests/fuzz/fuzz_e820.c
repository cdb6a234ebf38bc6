/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input is a list of operations on a memory map, which stays sorted and without overlaps.
 * Links: xmhf/lib/e820.c
 */
#include "fuzz.h"

#include "lib/e820.h"

static void check(const struct e820_map *map)
{
	MUST(map->count <= E820_MAX);
	for (u32 i = 0; i < map->count; i++) {
		const struct e820_entry *e = &map->entry[i];

		MUST(e->length != 0 && e->length - 1 <= ~e->base);
		if (i > 0)
			MUST(e[-1].base + (e[-1].length - 1) < e->base);
		if (i > 0 && e[-1].base + e[-1].length == e->base)
			MUST(e[-1].type != e->type);
	}
}

/* An address or a length: any number, or a round one, for overlaps to be likely. */
static u64 take_address(struct input *in)
{
	u64 raw = input_take(in, 2);

	switch (raw & 3) {
	case 0: return input_take(in, 8);
	case 1: return raw << 48;
	case 2: return (raw >> 2) << 20;
	default: return (raw >> 2) & 15;
	}
}

static void find(const struct e820_map *map, struct input *in)
{
	struct mem_range busy[2];
	u64 size = take_address(in), limit = take_address(in);
	u64 align = 1ull << (input_take(in, 1) & 63);
	u64 base;

	for (u32 i = 0; i < 2; i++)
		busy[i] = (struct mem_range){ take_address(in), take_address(in) };
	base = e820_find_free(map, size, align, limit, busy, 2);
	if (base == E820_NOT_FOUND)
		return;
	MUST(base % align == 0 && base < limit && size <= limit - base && e820_is_ram(map, base, size));
	for (u32 i = 0; i < 2; i++)
		MUST(busy[i].length == 0 || base > busy[i].base + MIN(busy[i].length - 1, ~busy[i].base) ||
		     busy[i].base - base >= size);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct e820_map map = { 0 };
	u64 ram;
	u16 ax, bx;

	for (u64 n = input_take(&in, 1); n > 0; n--) {
		u64 base = take_address(&in), length = take_address(&in);

		if (!e820_add(&map, base, length, (u32)input_take(&in, 1)))
			break;
	}
	if (!e820_normalise(&map))
		return 0;
	check(&map);
	while (in.left > 0) {
		u64 base = take_address(&in), length = take_address(&in);
		u32 type = 1 + (u32)input_take(&in, 1) % 5;

		if (e820_reserve(&map, base, length, type) && length != 0) {
			bool everything = map.entry[0].length == ~0ull;	/* which loses its last byte */

			check(&map);
			MUST(everything || e820_type_at(&map, base) == type);
			MUST(everything || e820_type_at(&map, base + MIN(length - 1, ~base)) == type);
		}
		find(&map, &in);
		e820_e801(&map, &ax, &bx);
		MUST(ax <= 0x3c00 && e820_int88(&map) <= 63 * 1024);
	}
	ram = e820_ram_bytes(&map);
	MUST(ram - e820_hide_above_4g(&map) == e820_ram_bytes(&map));
	check(&map);
	MUST(e820_top_of_ram(&map, ~0ull) <= SIZE_4G);
	return 0;
}
