/* SPDX-License-Identifier: BSD-2-Clause */
/* GDT, IDT and task-state segments. All CPUs and both levels share the first two. */
#include "lhv.h"
#include "lib/string.h"

#define GATE_INTERRUPT	0x8e
#define GATE_TRAP	0x8f
#define GATE_USER	0xef
#define ACCESS_TSS	0x89
#define ACCESS_BUSY	0x02
#define GATE_WORDS	(sizeof(uptr) / 4)

extern u64 gdt[GDT_SIZE / 8];
extern const u8 trap_stubs[];

struct pointer { u16 limit; uptr base; } PACKED;

static _Alignas(PAGE_SIZE) u64 idt[256 * GATE_WORDS];

static void gate_set(u32 vector, u8 access)
{
	uptr to = (uptr)trap_stubs + STUB_SIZE * vector;

	idt[vector * GATE_WORDS] = (to & 0xffff) | SEL_CODE << 16 | (u64)access << 40 | (u64)(to >> 16 & 0xffff) << 48;
}

static void tss_set(struct cpu *c, enum level level)
{
	uptr base = (uptr)&c->tss[level];
	u64 *slot = (u64 *)((uptr)gdt + tss_selector(c, level));

	slot[0] = (sizeof(struct tss) - 1) | (u64)(base & 0xffffff) << 16 | (u64)ACCESS_TSS << 40 | (u64)(base >> 24 & 0xff) << 56;
	slot[1] = 0;
	if (level == L2)
		slot[0] |= (u64)ACCESS_BUSY << 40;	/* VM entry loads it without a look */
	c->tss[level].io_map = sizeof(struct tss);
#ifndef __x86_64__
	c->tss[level].ss0 = SEL_DATA;
#endif
}

/*
 * Trap gates leave RFLAGS.IF alone. With interrupt gates, an exception of an L2 that keeps IF off meets a fault of
 * Bochs: an interrupt that is pending exits half-way through the delivery, with the new CS and the old RIP.
 */
void tables_init(void)
{
	for (u32 vector = 0; vector < 256; vector++)
		gate_set(vector, vector == VECTOR_USER ? GATE_USER : vector < VECTOR_PIC ? GATE_TRAP : GATE_INTERRUPT);
	for (u32 i = 0; i < CPUS_MAX; i++) {
		cpus[i].index = i;
		tss_set(&cpus[i], L1);
		tss_set(&cpus[i], L2);
	}
}

void tables_load(struct cpu *c)
{
	struct pointer pointer = { sizeof(idt) - 1, (uptr)idt };

	__asm__ volatile("lidt %0; ltr %w1" : : "m"(pointer), "r"(tss_selector(c, L1)));
}

void tables_bases(u64 *gdt_base, u64 *idt_base)
{
	*gdt_base = (uptr)gdt;
	*idt_base = (uptr)idt;
}
