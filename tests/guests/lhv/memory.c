/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that tests lead windows to; the large ones lie behind the image, where GRUB needn't clear them. */
#include "lhv.h"

#define FRAMES		2
#define MIB_1_KIB	1024

extern u8 image_end[];

static _Alignas(PAGE_SIZE) u32 pages[CPUS_MAX][PAGES][PAGE_SIZE / sizeof(u32)];

void memory_init(u32 kib_from_1m)
{
	u64 end = (uptr)image_end + CPUS_MAX * FRAMES * SIZE_2M;

	if (end > (kib_from_1m + MIB_1_KIB) * 1024ull)
		fail("%u KiB of RAM from 1 MiB on: too little", kib_from_1m);
}

volatile u32 *test_page(struct cpu *c, enum page page) { return pages[c->index][page]; }

volatile u32 *large_frame(struct cpu *c, u32 which)
{
	return (volatile u32 *)((uptr)image_end + (c->index * FRAMES + which) * (uptr)SIZE_2M);
}
