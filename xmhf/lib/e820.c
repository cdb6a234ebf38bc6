/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map. Ends are kept inclusive ("last") in here, so that a range may reach
 * up to the last byte of the 64-bit address space.
 */
#include "e820.h"

#define ENABLED		1u	/* acpi_attr of every entry that we make */
#define ONE_MIB		(1ull << 20)
#define SIXTEEN_MIB	(16ull << 20)

/* The last byte of a range that isn't empty; no further than 2^64 - 1. */
static u64 last_of(u64 base, u64 length)
{
	return length - 1 > ~base ? ~0ull : base + length - 1;
}

static u64 entry_last(const struct e820_entry *e)
{
	return last_of(e->base, e->length);
}

static bool contains(const struct e820_entry *e, u64 at)
{
	return e->length != 0 && e->base <= at && at <= entry_last(e);
}

/* Of an inclusive range; all of [0, 2^64) has none and loses its last byte. */
static u64 length_of(u64 base, u64 last)
{
	return last - base == ~0ull ? ~0ull : last - base + 1;
}

/* Puts [base, last] behind all others, into the neighbour when it has the same type. */
static bool append(struct e820_map *map, u64 base, u64 last, u32 type)
{
	struct e820_entry *e = &map->entry[map->count];

	if (map->count != 0 && e[-1].type == type && entry_last(&e[-1]) + 1 == base) {
		e[-1].length = length_of(e[-1].base, last);
		return true;
	}
	if (map->count == E820_MAX)
		return false;
	*e = (struct e820_entry){ base, length_of(base, last), type, ENABLED };
	map->count++;
	return true;
}

bool e820_add(struct e820_map *map, u64 base, u64 length, u32 type)
{
	if (map->count >= E820_MAX)
		return false;
	if (length != 0)
		length = length_of(base, last_of(base, length));
	map->entry[map->count++] = (struct e820_entry){ base, length, type, ENABLED };
	return true;
}

/* The highest type of all entries that contain @at, 0 in a hole. */
static u32 strongest(const struct e820_map *map, u64 at)
{
	u32 type = 0;

	for (u32 i = 0; i < map->count; i++)
		if (contains(&map->entry[i], at))
			type = MAX(type, map->entry[i].type);
	return type;
}

/* The last address before an entry begins or ends after @at. */
static u64 unchanged_until(const struct e820_map *map, u64 at)
{
	u64 until = ~0ull;

	for (u32 i = 0; i < map->count; i++) {
		const struct e820_entry *e = &map->entry[i];

		if (contains(e, at))
			until = MIN(until, entry_last(e));
		else if (e->length != 0 && e->base > at)
			until = MIN(until, e->base - 1);
	}
	return until;
}

bool e820_normalise(struct e820_map *map)
{
	struct e820_map out = { .count = 0 };
	u64 at = 0;
	u64 last;

	for (;; at = last + 1) {
		u32 type = strongest(map, at);

		last = unchanged_until(map, at);
		if (type != 0 && !append(&out, at, last, type))
			return false;
		if (last == ~0ull)
			break;
	}
	*map = out;
	return true;
}

bool e820_reserve(struct e820_map *map, u64 base, u64 length, u32 type)
{
	struct e820_map out = { .count = 0 };
	u64 last = last_of(base, length);
	bool fits = true;

	if (length == 0)
		return true;
	for (u32 i = 0; i < map->count; i++) {		/* what is left below */
		const struct e820_entry *e = &map->entry[i];

		if (e->base < base)
			fits &= append(&out, e->base, MIN(entry_last(e), base - 1), e->type);
	}
	fits &= append(&out, base, last, type);
	for (u32 i = 0; i < map->count; i++) {		/* and above */
		const struct e820_entry *e = &map->entry[i];

		if (entry_last(e) > last)
			fits &= append(&out, MAX(e->base, last + 1), entry_last(e), e->type);
	}
	if (fits)
		*map = out;
	return fits;
}

u64 e820_hide_above_4g(struct e820_map *map)
{
	u64 hidden = 0;
	u32 kept = 0;

	for (u32 i = 0; i < map->count; i++) {
		struct e820_entry e = map->entry[i];

		if (e.type == E820_RAM && entry_last(&e) >= SIZE_4G) {
			u64 below = e.base < SIZE_4G ? SIZE_4G - e.base : 0;

			hidden += e.length - below;
			e.length = below;
		}
		if (e.length != 0)
			map->entry[kept++] = e;
	}
	map->count = kept;
	return hidden;
}

/* The lowest base of the @occupied ranges that touch [base, base + size); ~0 when none does. */
static u64 lowest_obstacle(u64 base, u64 size, const struct mem_range *occupied, u32 n)
{
	u64 last = base + size - 1;
	u64 lowest = ~0ull;

	for (u32 i = 0; i < n; i++) {
		const struct mem_range *o = &occupied[i];

		if (o->length != 0 && o->base <= last && last_of(o->base, o->length) >= base)
			lowest = MIN(lowest, o->base);
	}
	return lowest;
}

u64 e820_find_free(const struct e820_map *map, u64 size, u64 align, u64 limit,
		   const struct mem_range *occupied, u32 n)
{
	for (u32 i = map->count; size != 0 && i-- > 0;) {
		const struct e820_entry *e = &map->entry[i];
		u64 end = entry_last(e) < limit ? entry_last(e) + 1 : limit;

		/* Lower the end to below each obstacle until nothing is in the way. */
		while (e->type == E820_RAM && end > e->base && end - e->base >= size) {
			u64 base = round_down(end - size, align);

			if (base < e->base)
				break;
			end = lowest_obstacle(base, size, occupied, n);
			if (end == ~0ull)
				return base;
		}
	}
	return E820_NOT_FOUND;
}

static const struct e820_entry *entry_at(const struct e820_map *map, u64 at)
{
	for (u32 i = 0; i < map->count; i++)
		if (contains(&map->entry[i], at))
			return &map->entry[i];
	return NULL;
}

bool e820_is_ram(const struct e820_map *map, u64 base, u64 length)
{
	const struct e820_entry *e = entry_at(map, base);

	if (length == 0)
		return true;
	return e != NULL && e->type == E820_RAM && length - 1 <= entry_last(e) - base;
}

u32 e820_type_at(const struct e820_map *map, u64 at)
{
	const struct e820_entry *e = entry_at(map, at);

	return e != NULL ? e->type : 0;
}

u64 e820_ram_end(const struct e820_map *map, u64 at)
{
	const struct e820_entry *e = entry_at(map, at);

	if (e == NULL || e->type != E820_RAM)
		return at;
	return entry_last(e) == ~0ull ? ~0ull : entry_last(e) + 1;
}

u64 e820_top_of_ram(const struct e820_map *map, u64 limit)
{
	u64 top = 0;

	for (u32 i = 0; i < map->count; i++) {
		const struct e820_entry *e = &map->entry[i];

		if (e->type == E820_RAM && e->base < limit)
			top = entry_last(e) < limit ? entry_last(e) + 1 : limit;
	}
	return top;
}

u64 e820_ram_bytes(const struct e820_map *map)
{
	u64 bytes = 0;

	for (u32 i = 0; i < map->count; i++)
		if (map->entry[i].type == E820_RAM)
			bytes += map->entry[i].length;
	return bytes;
}

/* Bytes of RAM from @at up to @limit without a gap. */
static u64 ram_from(const struct e820_map *map, u64 at, u64 limit)
{
	return MIN(e820_ram_end(map, at), limit) - at;
}

void e820_e801(const struct e820_map *map, u16 *ax, u16 *bx)
{
	*ax = (u16)(ram_from(map, ONE_MIB, SIXTEEN_MIB) >> 10);
	*bx = (u16)(ram_from(map, SIXTEEN_MIB, SIZE_4G) >> 16);
}

u16 e820_int88(const struct e820_map *map)
{
	return (u16)(ram_from(map, ONE_MIB, 64 * ONE_MIB) >> 10);
}

const char *e820_type_name(u32 type)
{
	switch (type) {
	case E820_RAM: return "RAM";
	case E820_RESERVED: return "reserved";
	case E820_ACPI: return "ACPI tables";
	case E820_NVS: return "ACPI NVS";
	case E820_UNUSABLE: return "unusable";
	case E820_DISABLED: return "disabled";
	case E820_PERSISTENT: return "persistent";
	default: return "unknown";
	}
}
