/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions in root mode, and the descriptor tables they need. */
#include "lib/string.h"
#include "machine/cpu_insn.h"
#include "machine/log.h"
#include "machine/panic.h"
#include "machine/trap.h"
#include "vmx/machine_check.h"
#include "vmx/nmi.h"

#define VECTORS		32

struct fixup { s32 fault, target; };		/* each relative to itself */
extern const struct fixup fixups_start[], fixups_end[];
extern const u8 trap_stubs[];
void trap_reload_cs(uptr selector);

/* SDM 6.11 and 6.14.1. */
struct gate {
	u16 offset_low, selector;
	u8 ist, attributes;
	u16 offset_mid;
	u32 offset_high_reserved[sizeof(uptr) == 8 ? 2 : 0];
} PACKED;
#define GATE_INTERRUPT	0x8e

static struct gate idt[VECTORS];

struct table_pointer { u16 limit; uptr base; } PACKED;

void trap_init(void)
{
	for (u32 i = 0; i < VECTORS; i++) {
		uptr stub = (uptr)trap_stubs + i * TRAP_STUB_SIZE;

		idt[i] = (struct gate){ .offset_low = (u16)stub, .selector = SEL_CODE, .attributes = GATE_INTERRUPT,
					.offset_mid = (u16)(stub >> 16) };
		if (sizeof(uptr) == 8)
			idt[i].offset_high_reserved[0] = (u32)((u64)stub >> 32);
	}
	if (sizeof(uptr) == 8)
		idt[DF_ABORT].ist = 1;
}

/* Base and limit of the TSS descriptor; the upper half exists on amd64 only (SDM 8.2.3). */
static void set_tss_descriptor(struct vcpu *v)
{
	u64 base = (uptr)v->tss;

	v->gdt[SEL_TSS / 8] = (sizeof(v->tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	v->gdt[SEL_TSS / 8 + 1] = base >> 32;
}

void trap_load(struct vcpu *v)
{
	struct table_pointer gdtr = { sizeof(v->gdt) - 1, (uptr)v->gdt };
	struct table_pointer idtr = { sizeof(idt) - 1, (uptr)idt };

	v->gdt[SEL_CODE / 8] = sizeof(uptr) == 8 ? 0x00af9b000000ffff : 0x00cf9b000000ffff;
	v->gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	set_tss_descriptor(v);
	if (sizeof(uptr) == 8) {
		uptr df_stack = (uptr)v - CPU_AT + DF_STACK_TOP;

		memcpy(v->tss + 36, &df_stack, sizeof(df_stack));	/* IST1, SDM figure 8-11 */
	}
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	__asm__ volatile("lidt %0" : : "m"(idtr));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; mov %1, %%fs; mov %1, %%gs"
			 : : "r"(SEL_DATA), "r"(0) : "memory");
	trap_reload_cs(SEL_CODE);
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
}

const void *trap_idt(void)
{
	return idt;
}

static bool fix_up(struct trap_frame *frame)
{
	for (const struct fixup *f = fixups_start; f < fixups_end; f++) {
		if ((uptr)&f->fault + f->fault == frame->rip) {
			frame->rip = (uptr)&f->target + f->target;
			return true;
		}
	}
	return false;
}

void trap_handle(struct trap_frame *frame)
{
	if (frame->vector == NMI_VECTOR)
		nmi_in_root(&frame->rip);
	else if (frame->vector == MC_ABORT)
		machine_check_in_root(&frame->rip);
	else if (!fix_up(frame))
		panic_trap(frame);
}
