/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT12: two trees a CPU. A violation in RAM or at the local APIC fills in a leaf, one to one. */
#include "lhv.h"
#include "lib/string.h"

#define LARGE		BIT(7)
#define TYPE_UC		0u
#define TYPE_WB		(6u << 3)
#define POINTER_WB	6u
#define POINTER_4_LEVELS (3u << 3)
#define ENTRIES		512
#define TABLES		48		/* of both trees of a CPU */
#define APIC_AT		0xfee00000u
#define RAM_END		0x10000000u	/* more than the image and the frames behind it */
#define ADDRESS		0x000ffffffffff000ull

static struct pool {
	_Alignas(PAGE_SIZE) u64 table[TABLES][ENTRIES];
	u32 taken;
} pools[CPUS_MAX];

static u64 *take(struct cpu *c)
{
	struct pool *p = &pools[c->index];

	if (p->taken == TABLES)
		fail("too many EPT tables");
	return memset(p->table[p->taken++], 0, PAGE_SIZE);
}

static u64 pointer(struct cpu *c, u32 tree)
{
	return (uptr)pools[c->index].table[tree] | POINTER_WB | POINTER_4_LEVELS;
}

void ept_init(struct cpu *c)
{
	pools[c->index].taken = 0;
	for (u32 tree = 0; tree < EPT_TREES; tree++)
		take(c);
	c->ctrls.secondary |= SECONDARY_EPT;
	ept_use(c, 0);
	ept_flush(c, false);
#ifndef __x86_64__
	for (u32 i = 0; i < 4; i++)
		vmcs_write(GUEST_PDPTE0 + 2 * i, l2_pdptes(c)[i]);
#endif
}

void ept_use(struct cpu *c, u32 tree)
{
	c->tree = tree;
	vmcs_write(EPTP, pointer(c, tree));
}

void ept_map_in(struct cpu *c, u32 tree, u64 gpa, u64 physical, u32 rights, bool large)
{
	u64 *table = pools[c->index].table[tree];
	u32 last = large ? 21 : 12, type = physical == (APIC_AT & ~(SIZE_2M - 1)) || physical == APIC_AT ? TYPE_UC : TYPE_WB;

	for (u32 shift = 39; ; shift -= 9) {
		volatile u64 *entry = &table[gpa >> shift & (ENTRIES - 1)];

		if (shift == last) {
			*entry = physical | rights | type | (large ? LARGE : 0);
			return;
		}
		if (!*entry)
			*entry = (uptr)take(c) | EPT_RWX;
		table = (u64 *)(uptr)(*entry & ADDRESS);
	}
}

void ept_map(struct cpu *c, u64 gpa, u64 physical, u32 rights, bool large)
{
	for (u32 tree = 0; tree < EPT_TREES; tree++)
		ept_map_in(c, tree, gpa, physical, rights, large);
}

bool ept_fill(struct cpu *c, u64 gpa)
{
	bool large = asked & OPT_LARGE;
	u64 at = round_down(gpa, large ? SIZE_2M : PAGE_SIZE);

	if (gpa >= RAM_END && round_down(gpa, PAGE_SIZE) != APIC_AT)
		return false;
	ept_map_in(c, c->tree, at, at, EPT_RWX, large);
	return true;
}

void ept_flush(struct cpu *c, bool single)
{
	bool good = true;

	for (u32 tree = 0; tree < EPT_TREES; tree++)
		good &= vmx_invept(single ? INVEPT_SINGLE : INVEPT_ALL, single ? pointer(c, tree) : 0);
	if (!good)
		fail("INVEPT: VM-instruction error %u", vmcs_read32(VM_INSTR_ERROR));
}
