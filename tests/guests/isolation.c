/* SPDX-License-Identifier: BSD-2-Clause */
/* Our range, found in the memory map: what the guest reads, writes and executes there. */
#include "guest.h"

#define BUFFER		0x5800u
#define SMAP		0x534d4150u
#define MIB		0x100000u
#define PAGE		0x1000u
#define LARGE		0x200000u
#define ONES		0xffffffffu
#define ROM_PAGE	0xfffff000u	/* what a page-table entry of ones points to */
#define WINDOW		0x10000000u	/* linear, away from what we use */
#define PDE		0x07u

struct entry { u64 base, length; u32 type; } __attribute__((packed));
static u32 base, end;

/* The reserved range that lies in RAM, with RAM right below and above it or at its top. */
static void find(void)
{
	struct bios_regs r = { .ebx = 0 };
	struct entry e;
	u64 ram_end = 0;

	do {
		r.eax = 0xe820;
		r.edx = SMAP;
		r.ecx = 20;
		r.edi = 0;
		r.es = BUFFER >> 4;
		if (!bios(0x15, &r))
			break;
		memcpy(&e, (void *)BUFFER, sizeof(e));
		if (e.type == 2 && e.base >= MIB && e.base == ram_end && !(e.base & (LARGE - 1))) {
			base = (u32)e.base;
			end = (u32)(e.base + e.length);
		}
		if (e.type == 1)
			ram_end = e.base + e.length;
	} while (r.ebx);
	promise(base && end > base, "found", "our range is a reserved, 2 MiB aligned entry right above RAM");
}

static u32 next_random(void)
{
	static u32 state = 0x2545f491;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static void reads(void)
{
	u32 wrong = 0;

	for (u32 page = base; page < end; page += PAGE)
		for (u32 i = 0; i < 8; i++)
			wrong += *(volatile u32 *)(page + (next_random() & 0xffc)) != ONES;
	for (u32 at = base; at < base + PAGE; at += 4)
		wrong += *(volatile u32 *)at != ONES;
	for (u32 at = end - PAGE; at < end; at += 4)
		wrong += *(volatile u32 *)at != ONES;
	expect(!wrong, "%u words are not ones", wrong);
	kept("reads", "each page of our range reads as ones");
}

static void executes(const char *name, const char *sentence)
{
	for (u32 i = 0; i < 16; i++) {
		u32 at = base + next_random() % (end - base);
		u32 trap = TRY("jmp *%0", : : "r"(at) : "memory");

		expect(trap == GP_TRAP && !this_cpu()->error && this_cpu()->eip == at, "trap %u(%x) at %x for %x", trap,
		       this_cpu()->error, this_cpu()->eip, at);
	}
	kept(name, sentence);
}

static void page_tables(void)
{
	u32 trap, value = 0;

	paging_32();
	directory32[WINDOW >> 22] = base | PDE;
	WRITE_CR(3, (u32)directory32);
	trap = TRY("mov (%1), %0", : "=&r"(value) : "r"(WINDOW) : "memory");
	directory32[WINDOW >> 22] = WINDOW | PDE | 0x80;
	WRITE_CR(3, (u32)directory32);
	paging_off();
	/* With EPT's accessed and dirty flags a walk counts as a write (SDM 29.3.3.2): then nothing is mapped. */
	expect(trap == PF_TRAP || (trap == NO_TRAP && value == *(volatile u32 *)ROM_PAGE), "trap %u, value %x", trap, value);
	kept("page_table", "a page table in our range leads to nothing of ours");
	WRITE_CR(4, READ_CR(4) | CR4_PAE);
	WRITE_CR(3, base + 5 * PAGE);
	trap = TRY("mov %0, %%cr0", : : "r"(READ_CR(0) | CR0_PG) : "memory");
	expect(trap == GP_TRAP, "trap %u", trap);
	trap = TRY("mov %0, %%cr0", : : "r"(READ_CR(0) | CR0_PG | CR0_CD) : "memory");
	expect(trap == GP_TRAP, "trap %u with CD", trap);
	expect(!(READ_CR(0) & (CR0_PG | CR0_CD)), "cr0 %x", READ_CR(0));
	WRITE_CR(4, READ_CR(4) & ~CR4_PAE);
	WRITE_CR(3, 0);
	kept("pdpt", "page-directory pointers in our range are #GP(0), as reserved bits are");
}

static void edges(void)
{
	volatile u32 *below = (u32 *)(base - 4);

	*below = 0x12345678;
	expect(*below == 0x12345678, "below: %x", *below);
	kept("edges", "RAM just below our range is the guest's");
}

static void writes(void)
{
	u32 lost = 0;

	*(volatile u32 *)(base + 8) = 0;
	expect(*(volatile u32 *)(base + PAGE) == ONES, "the next page changed");
	promise(on_us(), "write", "the machine goes on after a write");
	__asm__ volatile("lock; xaddl %0, (%1)" : : "r"(1), "r"(base + 2 * PAGE) : "memory");
	memset((void *)(base + 3 * PAGE + 100), 0x5a, 2 * PAGE);
	outb(0x80, 1);
	expect(on_us(), "we are gone");
	kept("write_kinds", "locked and string writes over page edges do no harm");
	for (u32 page = base; page < end; page += PAGE) {
		*(volatile u32 *)(page + (next_random() & 0xffc)) = next_random();
		lost += !on_us();
	}
	expect(!lost, "%u times", lost);
	kept("write_all", "writes to every page of our range don't reach us");
}

void guest_main(void)
{
	if (!on_us()) {
		promise(true, "bare", "nobody is below, so there is nothing to be kept from");
		return;
	}
	find();
	if (!base)
		return;
	reads();
	executes("execute", "code in our range is #GP(0) at its first byte");
	page_tables();
	edges();
	writes();
	executes("execute_written", "code in a page that was written is #GP(0) too");
	promise(on_us(), "alive", "the hypervisor works after all this");
}
