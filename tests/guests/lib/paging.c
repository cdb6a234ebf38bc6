/* SPDX-License-Identifier: BSD-2-Clause */
/* Identity maps for 32-bit, PAE and long-mode paging. */
#include "guest.h"

#define PRESENT		BIT(0)
#define WRITABLE	BIT(1)
#define USER		BIT(2)
#define LARGE		BIT(7)
#define SIZE_2M		0x200000ull
#define SIZE_4M		0x400000u

__attribute__((aligned(4096))) u64 pml4[512], pdpt[512], page_directory[8][512];
__attribute__((aligned(4096))) u32 directory32[1024];
__attribute__((aligned(32))) static u64 pae_pdpt[4];

void paging_init(void)
{
	pml4[0] = (uptr)pdpt | PRESENT | WRITABLE | USER;
	for (u32 i = 0; i < 8; i++)
		pdpt[i] = (uptr)page_directory[i] | PRESENT | WRITABLE | USER;
	for (u32 i = 0; i < 4; i++)
		pae_pdpt[i] = (uptr)page_directory[i] | PRESENT;
	for (u32 i = 0; i < 8 * 512; i++)
		page_directory[i / 512][i % 512] = i * SIZE_2M | PRESENT | WRITABLE | USER | LARGE;
	for (u32 i = 0; i < 1024; i++)
		directory32[i] = i * SIZE_4M | PRESENT | WRITABLE | USER | LARGE;
}

void paging_32(void)
{
	WRITE_CR(4, (READ_CR(4) & ~CR4_PAE) | CR4_PSE);
	WRITE_CR(3, directory32);
	WRITE_CR(0, READ_CR(0) | CR0_PG);
}

void paging_pae(void)
{
	WRITE_CR(4, READ_CR(4) | CR4_PAE);
	WRITE_CR(3, pae_pdpt);
	WRITE_CR(0, READ_CR(0) | CR0_PG);
}

void paging_off(void)
{
	WRITE_CR(0, READ_CR(0) & ~CR0_PG);
	WRITE_CR(4, READ_CR(4) & ~(CR4_PAE | CR4_PSE));
}
