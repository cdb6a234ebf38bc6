/* SPDX-License-Identifier: BSD-2-Clause */
/* Long mode: in and out, CR0 there, and memory above 4 GiB from 64-bit and PAE code. */
#include "guest.h"

#define MIB		0x100000u
#define BUFFER		0x5800u
#define SMAP		0x534d4150u
#define WINDOW_INDEX	0x180		/* of 2 MiB pages: linear 30000000h */
#define WINDOW		0x30000000u
#define LARGE_RW	0x87u
#define FOUR_GIB	0x100000000ull

void l_none(void), l_clear_pg(void), l_cr0_high(void), l_cd(void), l_cd_again(void), l_pae(void), l_lme(void), l_cr8(void),
     l_above(void), l_nw(void), l_ud(void), l_noncanonical(void), l_leave_cd(void);

static u32 result_of(void (*code)(void))
{
	return long_enter(code, 0);
}

static u64 top_of_ram(void)
{
	struct bios_regs r = { .ebx = 0 };
	struct { u64 base, length; u32 type; } __attribute__((packed)) e;
	u64 top = 0;

	do {
		r.eax = 0xe820;
		r.edx = SMAP;
		r.ecx = 20;
		r.edi = 0;
		r.es = BUFFER >> 4;
		if (!bios(0x15, &r))
			break;
		memcpy(&e, (void *)BUFFER, sizeof(e));
		if (e.type == 1)
			top = e.base + e.length;
	} while (r.ebx);
	return top;
}

static void above(void)
{
	u64 top = top_of_ram();
	volatile u32 *window = (u32 *)WINDOW;

	fact("above_4g %u", top > FOUR_GIB);
	if (top <= FOUR_GIB)
		return;
	*(volatile u32 *)0x200000 = 0x12121212;
	expect(result_of(l_above) == 1, "64-bit code");
	expect(*(volatile u32 *)0x200000 == 0x12121212, "the low alias changed");
	kept("above_64", "64-bit code reads and writes RAM above 4 GiB");
	page_directory[0][WINDOW_INDEX] = (FOUR_GIB + 2 * MIB) | LARGE_RW;
	paging_pae();
	expect(*window == 0x64646464, "PAE reads %x", *window);
	*window = 0x32323232;
	page_directory[0][WINDOW_INDEX] = (top - 2 * MIB) | LARGE_RW;
	WRITE_CR(3, READ_CR(3));
	*window = 0x55aa55aa;
	expect(*window == 0x55aa55aa, "the last page: %x", *window);
	paging_off();
	page_directory[0][WINDOW_INDEX] = WINDOW | LARGE_RW;
	expect(*(volatile u32 *)0x200000 == 0x12121212, "the low alias changed");
	kept("above_pae", "PAE code reads and writes RAM above 4 GiB, up to the last page");
}

void guest_main(void)
{
	if (!has_long_mode()) {
		promise(try_wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_LME) == GP_TRAP, "no_long_mode",
			"without long mode in CPUID, EFER.LME is #GP(0)");
		return;
	}
	for (u32 i = 0; i < 5; i++)
		expect(result_of(l_none) == (EFER_LME | EFER_LMA), "EFER isn't LME and LMA");
	expect(!(rdmsr(MSR_EFER) & (EFER_LME | EFER_LMA)), "EFER %llx outside", rdmsr(MSR_EFER));
	kept("in_and_out", "long mode is entered and left, and EFER.LMA follows");
	expect(result_of(l_clear_pg) == GP_TRAP, "PG");
	expect(result_of(l_cr0_high) == GP_TRAP, "bit 32");
	expect(result_of(l_nw) == GP_TRAP, "NW without CD");
	expect(result_of(l_pae) == GP_TRAP, "PAE off");
	expect(result_of(l_lme) == GP_TRAP, "LME off");
	kept("long_faults", "CR0.PG, its upper half, NW, CR4.PAE and EFER.LME are #GP(0) in 64-bit mode");
	expect(result_of(l_cd) == (CR0_CD | CR0_PG), "CD isn't there");
	expect(!(READ_CR(0) & CR0_CD), "CD stays");
	kept("long_cd", "CD and NW flip in 64-bit mode and read back");
	expect(result_of(l_leave_cd) == 1, "somewhere else");
	expect(READ_CR(0) & CR0_CD && !(READ_CR(0) & CR0_PG) && !(rdmsr(MSR_EFER) & EFER_LMA), "cr0 %x efer %llx", READ_CR(0), rdmsr(MSR_EFER));
	WRITE_CR(0, READ_CR(0) | CR0_CD);
	WRITE_CR(4, READ_CR(4) | CR4_PAE);
	expect(result_of(l_cd_again) == CR0_CD, "CD lost");
	WRITE_CR(0, READ_CR(0) & ~CR0_CD);
	kept("long_leaves_with_cd", "long mode is left and entered by a write to CR0 that has CD, too");
	expect(result_of(l_cr8) == 1, "CR8");
	expect(result_of(l_ud) == UD_TRAP, "UD2");
	expect(result_of(l_noncanonical) == GP_TRAP, "address");
	kept("long_exceptions", "CR8 works; UD2 is #UD and a non-canonical address #GP in 64-bit mode");
	above();
}
