/* SPDX-License-Identifier: BSD-2-Clause */
/* The world of an L2 whose state is random: see world.h. */
#include "ept.h"
#include "world.h"

#define WORLD_END	0x80000000u	/* no L2 finds anything from here on */
#define HLT		0xf4
#define ANYONE		(PTE_P | PTE_W | PTE_U)
#define IN_PAGE		0xfffu
#define CHANGES_MAX	8

u64 world_eptp;
volatile u64 *world_ept, *world_ept_end;
static u8 *halts;			/* the page that L2 finds wherever it has no memory of its own */
static u32 root_32, root_pae, root_long;
static struct { volatile u64 *entry; u64 old; } changed[CHANGES_MAX];
static u32 changes;

static const struct { u32 at, end; } own[] = {
	{ L2_LOW_IDT, L2_LOW_END }, { L2_AT, L2_TABLES }, { WORLD_PAGE(0), WORLD_PAGE(WORLD_PAGES) },
};

struct world_ept_page world_ept_pages[WORLD_EPT_PAGES] = {
	{ .at = L2_CODE_AT }, { .at = L2_STACK - 4096 }, { .at = L2_GDT }, { .at = L2_IDT }, { .at = L2_TSS },
	{ .at = L2_HANDLERS }, { .at = WORLD_PAGE(0) }, { .at = WORLD_PAGE(4) }, { .at = L2_LOW_CODE }, { .at = L2_LOW_IDT },
	{ .at = L2_LOW_DATA }, { .at = L2_TABLES }, { .at = L2_DIRECTORIES }, { .at = L2_DIRECTORY32 }, { .at = L2_PDPT },
};

static u32 page_at(u32 at)
{
	for (u32 i = 0; i < ARRAY_SIZE(own); i++)
		if (at >= own[i].at && at < own[i].end)
			return at;
	return (u32)physical(halts);
}

static bool only_halts(u32 at, u32 size)
{
	for (u32 i = 0; i < ARRAY_SIZE(own); i++)
		if (own[i].at < at + size && own[i].end > at)
			return false;
	return true;
}

static void put(void *table, u32 width, u32 n, u64 entry)
{
	if (width == 4)
		((u32 *)table)[n] = (u32)entry;
	else
		((u64 *)table)[n] = entry;
}

/* A page table of such entries for what is from @at on. */
static u64 table_from(u32 at, u32 width, u64 bits)
{
	void *table = page_take();

	for (u32 n = 0; n < 4096 / width; n++)
		put(table, width, n, page_at(at + n * 4096) | bits);
	return physical(table);
}

/* The directories of all of the world, one after the other. */
static u32 directories(u32 width, u64 table_bits, u64 bits)
{
	u32 reach = 4096 / width * 4096, count = WORLD_END / reach;
	void *first = pages_take((count * width + IN_PAGE) / 4096);
	u64 shared = 0;

	for (u32 n = 0; n < count; n++) {
		u64 table = shared;

		if (!only_halts(n * reach, reach))
			table = table_from(n * reach, width, bits);
		else if (!shared)
			table = shared = table_from(n * reach, width, bits);
		put(first, width, n, table | table_bits);
	}
	return (u32)physical(first);
}

/* A table whose first entries lead to the two directories of 1 GiB each that the world has. */
static u32 above(u32 first_directory, u64 bits)
{
	u64 *table = page_take();

	table[0] = first_directory | bits;
	table[1] = (first_directory + 4096) | bits;
	return (u32)physical(table);
}

void world_make(void)
{
	u64 *top = page_take(), *ept;
	u32 guest;

	halts = page_take();
	root_32 = directories(4, ANYONE, ANYONE);
	guest = directories(8, ANYONE, ANYONE);
	root_pae = above(guest, PTE_P);
	top[0] = above(guest, ANYONE) | ANYONE;
	root_long = (u32)physical(top);

	world_ept = ept = page_take();
	ept[0] = above(directories(8, EPT_RWX, EPT_RWX | EPT_WB), EPT_RWX) | EPT_RWX;
	world_eptp = physical(ept) | EPTP_DEFAULT;
	for (u32 at = L2_TABLES; at < L2_TABLES_END; at += 4096)
		ept_map(world_eptp, at, at, EPT_4K, EPT_RWX | EPT_WB);
	world_ept_end = page_take();
	for (u32 i = 0; i < WORLD_EPT_PAGES; i++) {
		world_ept_pages[i].leaf = ept_entry(world_eptp, world_ept_pages[i].at, EPT_4K);
		world_ept_pages[i].table = ept_entry(world_eptp, world_ept_pages[i].at, EPT_2M);
	}
}

/* Accessed and dirty flags were on: the one on top is set if any is. */
static bool has_flags(void) { return *world_ept & EPT_A; }

static void renew_ept(void)
{
	for (; changes; changes--)
		*changed[changes - 1].entry = changed[changes - 1].old;
	for (volatile u64 *entry = world_ept; entry < world_ept_end; entry++)
		if (*entry & (EPT_A | EPT_D))
			*entry &= ~(u64)(EPT_A | EPT_D);
	vmx_invept(2, 0);
}

void world_renew(void)
{
	if (changes || has_flags())
		renew_ept();
	if (CAN_SECONDARY(SECONDARY_VPID))
		vmx_invvpid(2, 0, 0);
	memset(halts, HLT, 4096);
	memset((void *)(uptr)WORLD_PAGE(0), 0, WORLD_PAGES * 4096);
}

bool world_has_ept(void)
{
	return vmcs_get(PRIMARY_CTRLS) & PRIMARY_SECONDARY && vmcs_get(SECONDARY_CTRLS) & SECONDARY_EPT;
}

void world_confine(enum l2_mode mode)
{
	u64 page = (1ull << physical_bits()) - 4096;
	u32 root = mode == L2_LONG || mode == L2_COMPAT ? root_long : mode == L2_PAE ? root_pae : root_32;

	if (!world_has_ept())
		vmcs_set(GUEST_CR3, (vmcs_get(GUEST_CR3) & ~page) | root);
}

void world_ept_change(volatile u64 *entry, u64 value)
{
	if (changes == CHANGES_MAX)
		return;
	changed[changes].entry = entry;
	changed[changes++].old = *entry;
	*entry = value;
	vmx_invept(2, 0);
}
