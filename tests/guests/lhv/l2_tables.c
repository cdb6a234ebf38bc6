/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's page tables, PAE in 32-bit mode and four levels in 64-bit mode, a set for each CPU. */
#include "lhv.h"

#define PRESENT		BIT(0)
#define WRITABLE	BIT(1)
#define USER		BIT(2)
#define ACCESSED	BIT(5)
#define DIRTY		BIT(6)
#define LARGE		BIT(7)
#define TABLE		(PRESENT | WRITABLE | USER)
#define LEAF		(TABLE | ACCESSED | DIRTY)
#define ENTRIES		512

static struct tables {
	_Alignas(PAGE_SIZE) u64 root[ENTRIES];		/* PML4 */
	u64 directories[ENTRIES];			/* PDPT */
	u64 directory[4][ENTRIES];
	u64 window[ENTRIES];
} tables[CPUS_MAX];

static u64 *directory_entry(struct tables *t, u32 linear)
{
	return &t->directory[linear >> 30][linear >> 21 & (ENTRIES - 1)];
}

uptr l2_tables(struct cpu *c)
{
	struct tables *t = &tables[c->index];

	for (u32 i = 0; i < 4 * ENTRIES; i++)
		t->directory[i / ENTRIES][i % ENTRIES] = (u64)i * SIZE_2M | LEAF | LARGE;
	*directory_entry(t, WINDOW) = (uptr)t->window | TABLE;
	for (u32 i = 0; i < 4; i++)
		t->directories[i] = (uptr)t->directory[i] | (sizeof(uptr) == 8 ? TABLE : PRESENT);
	t->root[0] = (uptr)t->directories | TABLE;
	return sizeof(uptr) == 8 ? (uptr)t->root : (uptr)t->directories;
}

void l2_window(struct cpu *c, enum slot slot, u64 physical)
{
	*(volatile u64 *)&tables[c->index].window[slot] = physical | LEAF;
}

void l2_window_large(struct cpu *c, u64 physical)
{
	*(volatile u64 *)directory_entry(&tables[c->index], WINDOW_LARGE) = physical | LEAF | LARGE;
}

const u64 *l2_pdptes(struct cpu *c) { return tables[c->index].directories; }
