/* SPDX-License-Identifier: BSD-2-Clause */
/* Where things are: the CPUs that the firmware names, and a free range for us. */
#include "lib/acpi.h"
#include "lib/console.h"
#include "lib/mptable.h"
#include "loader/loader.h"

static const void *map_identity(void *unused, u64 at, u64 length)
{
	(void)unused;
	if (at >= SIZE_4G || length > SIZE_4G - at)
		return NULL;
	return (const void *)(uptr)at;
}

static const struct physmem memory = { map_identity, NULL };

u64 find_rsdp(void)
{
	return acpi_find_rsdp(&memory);
}

static void count_acpi(void *count, const struct acpi_cpu *cpu)
{
	(void)cpu;
	++*(u32 *)count;
}

static void count_mp(void *count, const struct mp_cpu *cpu)
{
	(void)cpu;
	++*(u32 *)count;
}

u32 count_cpus(u64 rsdp)
{
	const struct acpi_header *madt = rsdp ? acpi_find_table(&memory, rsdp, "APIC", 0, NULL) : NULL;
	u64 mp = madt ? 0 : mp_find(&memory);
	u32 count = 0;

	if (madt)
		(void)acpi_madt_walk(madt, count_acpi, &count);
	else if (mp)
		(void)mp_walk(&memory, mp, NULL, count_mp, &count);
	return MAX(count, 1u);
}

static u32 all_occupied(const struct boot_info *boot, struct mem_range *out)
{
	u32 n = 0;

	for (; n < boot->occupied_count; n++)
		out[n] = boot->occupied[n];
	out[n++] = (struct mem_range){ (uptr)loader_start, (uptr)loader_end - (uptr)loader_start };
	out[n++] = (struct mem_range){ 0, 16 << 20 };	/* leave the guest what old boot code expects */
	return n;
}

u64 place_range(const struct boot_info *boot, u64 base, u64 size)
{
	struct mem_range occupied[BOOT_OCCUPIED_MAX + 2];
	u32 n = all_occupied(boot, occupied);
	u64 found;

	if (base == SL_BASE_AUTO) {
		found = e820_find_free(&boot->map, size, SIZE_2M, SIZE_4G, occupied, n);
		if (found == E820_NOT_FOUND)
			console_die("loader", "not enough memory: no free %llu MiB of RAM between 16 MiB and 4 GiB", size >> 20);
		return found;
	}
	found = E820_NOT_FOUND;
	if (base + size <= SIZE_4G)
		found = e820_find_free(&boot->map, size, SIZE_2M, base + size, occupied, n);
	if (found != base)
		console_die("loader", "sl_base=0x%llx: %llu MiB there aren't free RAM; choose another base, or sl_base=auto",
			    base, size >> 20);
	return base;
}
