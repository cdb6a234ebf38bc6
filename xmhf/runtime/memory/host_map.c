/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our own page tables (SDM vol. 3, 5.4 and 5.5): PAE on i386, 4 levels on amd64. They differ in the
 * topmost table alone. Large leaves, but for the pages of our image and where memory types change.
 */
#include "machine/cpu_insn.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "memory/host_map.h"
#include "memory/pool.h"

#define PRESENT		BIT64(0)
#define WRITABLE	BIT64(1)
#define LARGE		BIT64(7)
#define NO_EXECUTE	BIT64(63)
#define ADDRESS		0x000ffffffffff000ull

#define IS_AMD64	(sizeof(uptr) == 8)

extern const u8 runtime_start[], runtime_rodata[], runtime_data[], runtime_end[];

static u64 *root;		/* PML4, or PDPT on i386 */

static u64 *table_below(u64 *entry, u64 flags)
{
	if (!(*entry & PRESENT)) {
		u64 *table = pool_page();

		BUG_ON(!table);
		*entry = (u64)(uptr)table | flags;
	}
	return (u64 *)(uptr)(*entry & ADDRESS);
}

static u64 *page_directory_pointer(u64 at)
{
	return IS_AMD64 ? table_below(&root[at >> 39 & 511], PRESENT | WRITABLE) : root;
}

static u64 *page_directory(u64 at)
{
	return table_below(&page_directory_pointer(at)[at >> 30 & 511], PRESENT | (IS_AMD64 ? WRITABLE : 0));
}

static bool holds_our_code(u64 at, u64 size)
{
	return at < (uptr)runtime_end && at + size > (uptr)runtime_start;
}

/* What a large leaf over several memory types does is undefined (SDM 12.11.9). */
static bool has_one_type(u64 at, u64 size)
{
	u64 until;

	(void)mtrr_type_of(&machine.mtrr, machine.maxphyaddr, at, &until);
	return until >= at + size;
}

static u64 page_rights(u64 at)
{
	if (at >= (uptr)runtime_start && at < (uptr)runtime_rodata)
		return 0;
	if (at >= (uptr)runtime_rodata && at < (uptr)runtime_data)
		return NO_EXECUTE;
	return WRITABLE | NO_EXECUTE;
}

static void split_2m(u64 at, u64 *entry)
{
	u64 *table;

	*entry = 0;
	table = table_below(entry, PRESENT | WRITABLE);
	for (u32 i = 0; i < 512; i++)
		table[i] = (at + i * PAGE_SIZE) | PRESENT | page_rights(at + i * PAGE_SIZE);
}

static void map_1g(u64 at)
{
	u64 *directory = page_directory(at);

	for (u32 i = 0; i < 512; i++, at += SIZE_2M) {
		directory[i] = at | PRESENT | WRITABLE | LARGE | NO_EXECUTE;
		if (holds_our_code(at, SIZE_2M) || !has_one_type(at, SIZE_2M))
			split_2m(at, &directory[i]);
	}
}

/* With 1 GiB leaves where the CPU has them, so that terabytes cost no tables. */
void host_map_build(void)
{
	bool has_1g = IS_AMD64 && (cpuid(0x80000001, 0).edx >> 26 & 1);

	root = pool_page();
	BUG_ON(!root);
	for (u64 at = 0; at < machine.host_top; at += SIZE_1G) {
		if (has_1g && at && !holds_our_code(at, SIZE_1G) && has_one_type(at, SIZE_1G))
			page_directory_pointer(at)[at >> 30 & 511] = at | PRESENT | WRITABLE | LARGE | NO_EXECUTE;
		else
			map_1g(at);
	}
}

void host_map_executable(u32 page, bool executable)
{
	u64 *entry = &page_directory(page)[page >> 21];

	if (*entry & LARGE)
		split_2m(0, entry);
	((u64 *)(uptr)(*entry & ADDRESS))[page >> PAGE_SHIFT & 511] = page | PRESENT | WRITABLE | (executable ? 0 : NO_EXECUTE);
	write_cr3(read_cr3());
}

u32 host_map_cr3(void)
{
	return (u32)(uptr)root;
}

u32 host_map_cr4(void)
{
	u32 cr4 = CR4_PAE | CR4_VMXE | CR4_MCE;	/* without MCE a machine check in root mode is a shutdown */

	if (cpuid(1, 0).ecx >> 26 & 1)		/* XSAVE: XSETBV and CPUID on the guest's behalf need it */
		cr4 |= CR4_OSXSAVE;
	return cr4;
}

void host_map_load(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	write_cr4(host_map_cr4());
	write_cr3(host_map_cr3());
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
}
