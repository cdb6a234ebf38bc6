/* SPDX-License-Identifier: BSD-2-Clause */
/* CR0, CR4 and XCR0: what sticks, what faults, what paging needs; 32-bit and PAE paging. */
#include "guest.h"

#define LEAF1_XSAVE	BIT(26)
#define LEAFD		0xd
#define PDPTE_BAD	BIT(1)		/* reserved */
#define X87		1u
#define SSE		2u
#define AVX		4u

static u32 write_cr0(u32 value) { return TRY("mov %0, %%cr0", : : "r"(value) : "memory"); }
static u32 write_cr3(u32 value) { return TRY("mov %0, %%cr3", : : "r"(value) : "memory"); }
static u32 write_cr4(u32 value) { return TRY("mov %0, %%cr4", : : "r"(value) : "memory"); }

static void cr0_bits(void)
{
	u32 cr0 = READ_CR(0), bits[] = { CR0_MP, CR0_EM, CR0_TS, CR0_NE, CR0_WP, CR0_AM, CR0_CD, CR0_CD | CR0_NW };

	for (u32 i = 0; i < ARRAY_SIZE(bits); i++) {
		u32 trap = write_cr0(cr0 ^ bits[i]);

		expect(trap == NO_TRAP && READ_CR(0) == (cr0 ^ bits[i]), "trap %u, %x for %x", trap, READ_CR(0), cr0 ^ bits[i]);
		WRITE_CR(0, cr0);
		expect(READ_CR(0) == cr0, "%x back", READ_CR(0));
	}
	kept("cr0_sticks", "MP, EM, TS, NE, WP, AM, CD and NW read back as written");
	expect(write_cr0((cr0 & ~CR0_CD) | CR0_NW) == GP_TRAP, "NW");
	expect(write_cr0((cr0 & ~CR0_PE) | CR0_PG) == GP_TRAP, "PG");
	expect(READ_CR(0) == cr0, "%x afterwards", READ_CR(0));
	kept("cr0_faults", "NW without CD and PG without PE are #GP(0) and change nothing");
	for (u32 bit = 1; bit < 29; bit++) {
		u32 trap = write_cr0(cr0 | CR0_CD | BIT(bit));

		fact("cr0.bit%u trap %u value %x", bit, trap, READ_CR(0));
		trap = write_cr0(cr0 | BIT(bit));
		fact("cr0.bit%u without CD trap %u value %x", bit, trap, READ_CR(0));
		WRITE_CR(0, cr0);
	}
	WRITE_CR(0, cr0 & ~CR0_ET);
	fact("cr0.et %x", READ_CR(0) & CR0_ET);
}

static void cr0_parts(u32 cd)
{
	u32 cr0 = READ_CR(0) | cd, value;

	WRITE_CR(0, cr0);
	__asm__ volatile("lmsw %w0" : : "r"(0xe));	/* MP EM TS on, PE stays */
	expect(READ_CR(0) == (cr0 | 0xe), "LMSW on: %x", READ_CR(0));
	__asm__ volatile("smsw %0" : "=r"(value));
	expect(value == (cr0 | 0xe), "SMSW: %x", value);
	expect(TRY("fnop", :) == NM_TRAP, "no #NM");
	__asm__ volatile("clts");
	expect(READ_CR(0) == (cr0 | 6), "CLTS: %x", READ_CR(0));
	__asm__ volatile("lmsw %w0" : : "r"(0));
	expect(READ_CR(0) == (cr0 & ~0xeu), "LMSW off: %x", READ_CR(0));
	WRITE_CR(0, cr0 & ~cd);
	expect(!(READ_CR(0) & CR0_CD), "CD stays");
}

static void cr4_bits(void)
{
	u32 cr4 = READ_CR(4);

	for (u32 bit = 0; bit < 32; bit++) {
		u32 trap;

		trap = write_cr4(cr4 | BIT(bit));
		fact("cr4.bit%u trap %u value %x", bit, trap, READ_CR(4));
		WRITE_CR(4, cr4);
	}
	expect(write_cr4(cr4 | CR4_SMXE) == GP_TRAP && write_cr4(cr4 | CR4_SMXE | CR4_VMXE) == GP_TRAP && READ_CR(4) == cr4, "SMXE");
	kept("cr4_smxe", "CR4.SMXE is #GP(0), as on a CPU without it");
}

/* A write that changes VMXE is the hypervisor's to do, with all else that it changes and the faults of that. */
static void cr4_with_vmxe(void)
{
	u32 cr4 = READ_CR(4);

	for (u32 bit = 0; bit < 32; bit++) {
		u32 trap = write_cr4((cr4 | CR4_VMXE) ^ BIT(bit));

		fact("cr4.bit%u with VMXE trap %u value %x", bit, trap, READ_CR(4));
		WRITE_CR(4, cr4);
		expect(READ_CR(4) == cr4, "back from bit %u: %x", bit, READ_CR(4));
	}
	kept("cr4_vmxe", "CR4.VMXE goes on and off");
}

static bool memory_works(void)
{
	volatile u32 *there = (u32 *)0x400000;

	*there = 0xabcd1234;
	return *there == 0xabcd1234;
}

static void paging_32_toggles(void)
{
	u32 cr0 = READ_CR(0);

	for (u32 i = 0; i < 3; i++) {
		paging_32();
		expect(memory_works() && READ_CR(0) == (cr0 | CR0_PG), "cr0 %x", READ_CR(0));
		paging_off();
		expect(READ_CR(0) == cr0, "cr0 %x off", READ_CR(0));
	}
	WRITE_CR(4, READ_CR(4) | CR4_PSE);
	WRITE_CR(0, cr0 | CR0_PG | CR0_CD);
	expect(memory_works() && READ_CR(0) == (cr0 | CR0_PG | CR0_CD), "with CD: %x", READ_CR(0));
	WRITE_CR(0, cr0 | CR0_PG);
	expect(memory_works() && READ_CR(0) == (cr0 | CR0_PG), "CD off: %x", READ_CR(0));
	WRITE_CR(0, cr0 | CR0_PG | CR0_CD | CR0_NW);
	WRITE_CR(0, cr0);
	expect(memory_works() && READ_CR(0) == cr0, "both off: %x", READ_CR(0));
	kept("paging_32", "32-bit paging goes on and off, alone and together with CD");
	paging_off();
}

static void pae(void)
{
	static const u32 reload[] = { CR4_PSE, CR4_PGE };
	u32 cr0 = READ_CR(0), cr3;
	u64 *table, good;

	for (u32 i = 0; i < 3; i++) {
		paging_pae();
		expect(memory_works() && READ_CR(0) == (cr0 | CR0_PG), "cr0 %x", READ_CR(0));
		paging_off();
	}
	paging_pae();
	WRITE_CR(0, cr0 | CR0_PG | CR0_CD);
	expect(memory_works(), "CD on");
	WRITE_CR(0, cr0);
	expect(memory_works() && READ_CR(0) == cr0, "PG and CD off: %x", READ_CR(0));
	WRITE_CR(0, cr0 | CR0_PG | CR0_CD);
	expect(memory_works() && READ_CR(0) == (cr0 | CR0_PG | CR0_CD), "PG and CD on: %x", READ_CR(0));
	WRITE_CR(0, cr0 | CR0_PG);
	kept("pae", "PAE paging goes on and off, alone and together with CD");

	cr3 = READ_CR(3);
	table = (u64 *)(cr3 & ~31u);
	good = table[3];
	table[3] = good | PDPTE_BAD;
	expect(write_cr3(cr3) == GP_TRAP, "MOV CR3");
	expect(write_cr0(cr0 | CR0_PG | CR0_CD) == GP_TRAP && READ_CR(0) == (cr0 | CR0_PG), "CD with PG: %x", READ_CR(0));
	expect(memory_works(), "memory");
	WRITE_CR(0, cr0);
	expect(write_cr0(cr0 | CR0_PG) == GP_TRAP && READ_CR(0) == cr0, "PG: %x", READ_CR(0));
	expect(write_cr0(cr0 | CR0_PG | CR0_CD) == GP_TRAP && READ_CR(0) == cr0, "PG and CD: %x", READ_CR(0));
	table[3] = good;
	expect(write_cr0(cr0 | CR0_PG | CR0_CD) == NO_TRAP && memory_works(), "good again");
	kept("pae_bad", "a reserved bit in a PDPTE is #GP(0) for CR3, PG and CD, and changes nothing");
	WRITE_CR(0, cr0 | CR0_PG);
	table[3] = good | PDPTE_BAD;
	for (u32 i = 0, cr4 = READ_CR(4); i < ARRAY_SIZE(reload); i++) {
		expect(write_cr4(cr4 ^ reload[i]) == GP_TRAP && READ_CR(4) == cr4, "CR4 %x: %x", cr4 ^ reload[i], READ_CR(4));
		expect(write_cr4(cr4 ^ reload[i] ^ CR4_VMXE) == GP_TRAP && READ_CR(4) == cr4, "and VMXE: %x", READ_CR(4));
	}
	expect(write_cr4(READ_CR(4) ^ CR4_VMXE) == NO_TRAP && write_cr4(READ_CR(4) ^ CR4_VMXE) == NO_TRAP, "VMXE alone");
	table[3] = good;
	for (u32 i = 0, cr4 = READ_CR(4); i < ARRAY_SIZE(reload); i++)
		expect(write_cr4(cr4 ^ reload[i] ^ CR4_VMXE) == NO_TRAP && memory_works() && write_cr4(cr4) == NO_TRAP, "%x", reload[i]);
	kept("pae_bad_cr4", "so it is for CR4.PSE and PGE, with VMXE or without, but not for VMXE alone");
	paging_off();
	WRITE_CR(0, cr0);
}

/*
 * The four entries are registers: a change in memory counts only from the next load on. Each look is at another
 * page, since a write to CR0 that leaves PG alone owes no TLB flush.
 */
static void pdptes_are_loaded(void)
{
	volatile u32 *window[] = { (u32 *)0xc0200000, (u32 *)0xc0400000, (u32 *)0xc0600000 };
	u32 cr0 = READ_CR(0), before = *window[0];
	u64 *table, good;

	for (u32 i = 0; i < ARRAY_SIZE(window); i++)
		*(volatile u32 *)((u32)window[i] & 0xffffff) = 0x11111111 * (i + 1);
	paging_pae();
	table = (u64 *)(READ_CR(3) & ~31u);
	good = table[3];
	table[3] = table[0];
	expect(*window[0] == before, "a change in memory shows without a load: %x", *window[0]);
	WRITE_CR(0, READ_CR(0) | CR0_CD);
	expect(*window[1] == 0x22222222, "not loaded with CD: %x", *window[1]);
	table[3] = good;
	WRITE_CR(0, READ_CR(0) & ~CR0_CD);
	expect(*window[2] != 0x33333333, "not loaded with CD off: %x", *window[2]);
	paging_off();
	WRITE_CR(0, cr0);
	kept("pdpte_loads", "a write to CR0 that flips CD loads the PDPTEs");
}

static u32 write_xcr0(u32 index, u32 low, u32 high) { return TRY("xsetbv", : : "c"(index), "a"(low), "d"(high) : "memory"); }

static u32 xcr0(void)
{
	u32 low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

static void xsetbv_at_user(void) { expect(write_xcr0(0, X87, 0) == GP_TRAP, "CPL 3"); }

static void xsetbv(void)
{
	static const u32 good[] = { X87, X87 | SSE, X87 | SSE | AVX, X87 };
	u32 cr4 = READ_CR(4);

	if (!(cpuid(1, 0).ecx & LEAF1_XSAVE))
		return;
	expect(write_xcr0(0, X87, 0) == UD_TRAP, "CR4.OSXSAVE off");
	WRITE_CR(4, cr4 | CR4_OSXSAVE);
	for (u32 i = 0; i < ARRAY_SIZE(good); i++) {
		u32 trap = write_xcr0(0, good[i] & (cpuid(LEAFD, 0).eax), 0);

		expect(trap == NO_TRAP && xcr0() == (good[i] & cpuid(LEAFD, 0).eax), "%x: trap %u, %x", good[i], trap, xcr0());
		fact("xsave_size.%x %x", good[i], cpuid(LEAFD, 0).ebx);
	}
	kept("xsetbv_good", "valid XCR0s stick and are #UD while CR4.OSXSAVE is 0");
	expect(write_xcr0(0, 0, 0) == GP_TRAP, "0");
	expect(write_xcr0(0, SSE, 0) == GP_TRAP, "without x87");
	expect(write_xcr0(0, X87 | AVX, 0) == GP_TRAP, "AVX without SSE");
	expect(write_xcr0(0, X87, BIT(30)) == GP_TRAP, "bit 62");
	expect(write_xcr0(0, X87 | BIT(8), 0) == GP_TRAP, "bit 8");
	expect(write_xcr0(1, X87, 0) == GP_TRAP, "ECX 1");
	user_call(xsetbv_at_user);
	expect(xcr0() == X87, "XCR0 is %x", xcr0());
	kept("xsetbv_bad", "invalid XCR0s, another ECX and CPL 3 are #GP(0)");
	WRITE_CR(4, cr4);
}

void guest_main(void)
{
	cr0_bits();
	cr0_parts(0);
	cr0_parts(CR0_CD);
	kept("lmsw_clts", "LMSW, SMSW and CLTS see and change CR0, with CD too");
	cr4_bits();
	cr4_with_vmxe();
	paging_32_toggles();
	pae();
	pdptes_are_loaded();
	xsetbv();
}
