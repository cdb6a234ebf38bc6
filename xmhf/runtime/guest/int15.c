/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling and installing the INT 15h hook. */
#include "guest/int15.h"
#include "lib/string.h"
#include "machine/log.h"
#include "machine/machine.h"

#define BDA_EBDA_SEGMENT	0x40e
#define BDA_KIB			0x413
#define IVT_INT15		(0x15 * 4)

extern const u8 int15_hook[], int15_hook_end[], int15_old[], int15_e801[], int15_88[], int15_count[], int15_entries[];

static void fill(u8 *page, const struct e820_map *map, u32 old_vector)
{
	u16 ax, bx, kib = e820_int88(map);
	u8 *entries = page + (int15_entries - int15_hook);

	memset(page, 0, PAGE_SIZE);
	memcpy(page, int15_hook, (size_t)(int15_hook_end - int15_hook));
	e820_e801(map, &ax, &bx);
	memcpy(page + (int15_old - int15_hook), &old_vector, sizeof(old_vector));
	memcpy(page + (int15_88 - int15_hook), &kib, sizeof(kib));
	memcpy(page + (int15_e801 - int15_hook), &ax, sizeof(ax));
	memcpy(page + (int15_e801 - int15_hook) + 2, &bx, sizeof(bx));
	memcpy(page + (int15_count - int15_hook), &map->count, sizeof(map->count));
	memcpy(entries, map->entry, map->count * sizeof(map->entry[0]));
	for (u32 i = 0; i < map->count; i++)
		((struct e820_entry *)(void *)entries)[i].acpi_attr = 1;	/* ACPI 3.0: the entry is valid */
}

void int15_install(void)
{
	struct e820_map *map = &machine.guest_map;
	u16 *kib = (u16 *)(uptr)BDA_KIB;
	u32 *vector = (u32 *)(uptr)IVT_INT15;
	u32 page;
	u64 hidden;

	if (!e820_reserve(map, machine.handoff.base, machine.handoff.size, E820_RESERVED))
		panic("the memory map has no room for our range: it has %u entries", map->count);
	if (sizeof(uptr) == 4 && (hidden = e820_hide_above_4g(map)))
		log_info("%llu MiB of RAM above 4 GiB are hidden from the guest: the amd64 hypervisor would show them", hidden >> 20);
	__asm__("" : "+r"(kib), "+r"(vector));		/* addresses near 0 are real here */
	page = int15_choose_page(map, *kib, *(u16 *)(void *)((u8 *)kib - (BDA_KIB - BDA_EBDA_SEGMENT)));
	if (!page || !e820_reserve(map, page, PAGE_SIZE, E820_RESERVED))
		panic("no page of low memory for the INT 15h hook: %u KiB of conventional memory", *kib);
	BUG_ON((size_t)(int15_entries - int15_hook) + map->count * sizeof(map->entry[0]) > PAGE_SIZE);
	fill((u8 *)(uptr)page, map, *vector);
	*vector = page << 12;				/* segment page >> 4, offset 0 */
	*kib = (u16)(page >> 10);
	log_debug("INT 15h hook at 0x%x", page);
}
