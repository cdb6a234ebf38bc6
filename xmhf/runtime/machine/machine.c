/* SPDX-License-Identifier: BSD-2-Clause */
/* Learning what the machine is, and resetting it. */
#include "lib/io.h"
#include "lib/string.h"
#include "machine/cpu_insn.h"
#include "machine/machine.h"
#include "machine/trap.h"

#define LEAF7_ECX_TME	BIT(13)

struct machine machine;

static const void *map(void *unused, u64 at, u64 length)
{
	(void)unused;
	return at < machine.host_top && length <= machine.host_top - at ? (const void *)(uptr)at : NULL;
}

const struct physmem machine_memory = { map, NULL };

static void read_mtrrs(struct mtrr_state *m)
{
	m->cap = rdmsr(MSR_MTRRCAP);
	m->def_type = rdmsr(MSR_MTRR_DEF_TYPE);
	if (m->cap & MTRR_CAP_FIX) {
		m->fixed[0] = rdmsr(MSR_MTRR_FIX64K_00000);
		m->fixed[1] = rdmsr(MSR_MTRR_FIX16K_80000);
		m->fixed[2] = rdmsr(MSR_MTRR_FIX16K_A0000);
		for (u32 i = 0; i < 8; i++)
			m->fixed[3 + i] = rdmsr(MSR_MTRR_FIX4K_C0000 + i);
	}
	for (u32 i = 0; i < MIN(m->cap & MTRR_CAP_VCNT, MTRR_VARIABLE_MAX); i++) {
		m->variable[i].base = rdmsr(MSR_MTRR_PHYSBASE0 + 2 * i);
		m->variable[i].mask = rdmsr(MSR_MTRR_PHYSBASE0 + 2 * i + 1);
	}
}

static void read_acpi(void)
{
	const struct acpi_header *fadt = NULL;

	if (machine.handoff.rsdp)
		fadt = acpi_find_table(&machine_memory, machine.handoff.rsdp, "FACP", 0, NULL);
	if (fadt && acpi_read_fadt(fadt, &machine.power))
		acpi_find_sleep(&machine_memory, machine.handoff.rsdp, machine.power.dsdt, machine.sleep);
}

/*
 * Encryption with several keys takes upper address bits for their ids (SDM vol. 4, IA32_TME_ACTIVATE). What differs in
 * these alone is one place in memory, so to the guest such addresses must not exist.
 */
static u32 key_id_bits(void)
{
	u64 tme;

	if (cpuid(0, 0).eax < 7 || !(cpuid(7, 0).ecx & LEAF7_ECX_TME) || !rdmsr_safe(MSR_TME_ACTIVATE, &tme))
		return 0;
	return tme & TME_ENABLED ? TME_KEY_ID_BITS(tme) : 0;
}

u32 machine_memory_bits(void)
{
	return machine.maxphyaddr - key_id_bits();
}

static struct mem_range most_ram;	/* the largest piece: nearly all questions are about it */

static void learn_most_ram(const struct e820_map *map)
{
	for (u32 i = 0; i < map->count; i++)
		if (map->entry[i].type == E820_RAM && map->entry[i].length > most_ram.length)
			most_ram = (struct mem_range){ map->entry[i].base, map->entry[i].length };
}

bool machine_is_memory(u64 at)
{
	u32 type;

	if (at - most_ram.base < most_ram.length)
		return true;
	type = e820_type_at(&machine.handoff.map, at);
	return type == E820_RAM || type == E820_ACPI || type == E820_NVS || type == E820_PERSISTENT;
}

void machine_learn(const struct handoff *h)
{
	memcpy(&machine.handoff, h, sizeof(*h));
	machine.guest_map = h->map;
	learn_most_ram(&h->map);
	machine.has_1g_pages = cpuid(0x80000001, 0).edx >> 26 & 1;
	machine.maxphyaddr = cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
	machine.host_top = SIZE_4G;
	if (sizeof(uptr) == 8)
		machine.host_top = round_up(MAX(SIZE_4G, e820_top_of_ram(&h->map, ~0ull)), SIZE_1G);
	if (cpuid(1, 0).edx >> 12 & 1)
		read_mtrrs(&machine.mtrr);
	else
		machine.mtrr.def_type = MTRR_DEF_E | MEMTYPE_WB;
}

void machine_learn_firmware(void)
{
	read_acpi();
}

void machine_reset(void)
{
	const struct acpi_gas *reset = &machine.power.reset;

	if (reset->address && reset->space == ACPI_SPACE_IO)
		outb((u16)reset->address, machine.power.reset_value);
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	for (u32 i = 0; i < 0x10000 && inb(0x64) & 2; i++)
		cpu_pause();
	outb(0x64, 0xfe);
	cpu_halt_forever();
}
