/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map of physical memory as INT 15h E820h tells it (ACPI specification 15.1), its
 * editing, and the figures of the older calls computed from it.
 * The structures have the same layout in 32- and 64-bit code: the loader hands them on.
 */
#ifndef XMHF_LIB_E820_H
#define XMHF_LIB_E820_H

#include "types.h"

#define E820_MAX	128u
#define E820_NOT_FOUND	(~0ull)

enum e820_type {
	E820_RAM = 1,
	E820_RESERVED = 2,
	E820_ACPI = 3,		/* ACPI tables, reclaimable */
	E820_NVS = 4,
	E820_UNUSABLE = 5,
	E820_DISABLED = 6,
	E820_PERSISTENT = 7,
};

struct e820_entry {
	u64 base;
	u64 length;		/* bytes */
	u32 type;		/* enum e820_type, or one that we don't know */
	u32 acpi_attr;		/* bit 0: the entry is enabled (ACPI 3.0) */
} PACKED;
_Static_assert(sizeof(struct e820_entry) == 24, "ACPI table 15-3");

/*
 * Entries of a fresh map may be unsorted and overlap (e820_add); every function below
 * e820_normalise expects a normalised map and keeps it so.
 */
struct e820_map {
	u32 count;
	u32 padding;
	struct e820_entry entry[E820_MAX];
};
_Static_assert(sizeof(struct e820_map) == 8 + 24 * E820_MAX, "the same in 32 and 64 bits");

/* A piece of physical memory, [base, base + length). */
struct mem_range {
	u64 base;
	u64 length;		/* bytes; 0 is an empty range and overlaps nothing */
};
_Static_assert(sizeof(struct mem_range) == 16, "the same in 32 and 64 bits");

/* Appends an entry; false when the map is full. A range past 2^64 is cut there. */
MUST_CHECK bool e820_add(struct e820_map *map, u64 base, u64 length, u32 type);

/*
 * Sorts by base, drops empty entries, lets the highest type win where entries overlap (as
 * Linux does), and merges neighbours of one type. False, with the map unchanged, when
 * the result has more than E820_MAX entries. Takes about 6 KiB of stack.
 */
MUST_CHECK bool e820_normalise(struct e820_map *map);

/*
 * Makes all of [base, base + length) one @type, holes included.
 * False, with the map unchanged, when it would need more than E820_MAX entries.
 */
MUST_CHECK bool e820_reserve(struct e820_map *map, u64 base, u64 length, u32 type);

/* Removes RAM at 4 GiB and above; returns the bytes that were removed. */
u64 e820_hide_above_4g(struct e820_map *map);

/*
 * The highest base, a multiple of @align (a power of two), at which @size bytes are RAM,
 * end at or below @limit and touch none of the @n ranges of @occupied; else E820_NOT_FOUND.
 */
u64 e820_find_free(const struct e820_map *map, u64 size, u64 align, u64 limit,
		   const struct mem_range *occupied, u32 n);

/* Is all of [base, base + length) RAM? An empty range is. */
bool e820_is_ram(const struct e820_map *map, u64 base, u64 length);

/* The type at @at, 0 in a hole. */
u32 e820_type_at(const struct e820_map *map, u64 at);

/* Where the RAM that contains @at ends (2^64 counts as 2^64 - 1); @at itself when there is none. */
u64 e820_ram_end(const struct e820_map *map, u64 at);

/* The end of the highest RAM that starts below @limit (at most @limit); 0 when there is none. */
u64 e820_top_of_ram(const struct e820_map *map, u64 limit);

/* All RAM, in bytes. */
u64 e820_ram_bytes(const struct e820_map *map);

/* INT 15h E801h: KiB from 1 to 16 MiB (at most 0x3c00), and 64 KiB blocks from 16 MiB up. */
void e820_e801(const struct e820_map *map, u16 *ax, u16 *bx);

/* INT 15h 88h: KiB from 1 MiB up, at most 63 MiB as BIOSes answer. */
u16 e820_int88(const struct e820_map *map);

const char *e820_type_name(u32 type);

#endif
