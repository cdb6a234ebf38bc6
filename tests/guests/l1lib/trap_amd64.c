/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptor tables and exceptions of a 64-bit L1: what ../lib/trap.c is to 32-bit guests. */
#include "guest.h"

#define STUB_SIZE	16
#define GATE_INTERRUPT	0x8e
#define GATE_USER	0xee
#define ACCESS_DATA	0xf3		/* present, DPL 3, writable, accessed */
#define ACCESS_CODE	0xfb
#define ACCESS_TSS	0x89
#define FLAGS_FLAT	0xc
#define FLAGS_LONG	0xa
#define USER_RETURN	0x30		/* the vector by which CPL 3 comes back */
#define USER_STACK	4096

struct tss64 { u32 r0; u64 rsp[3]; u64 r1, ist[7]; u64 r2; u16 r3, io_map; } __attribute__((packed));
_Static_assert(sizeof(struct tss64) == 104, "SDM figure 8-11");

extern const u8 trap_stubs[];
void trap(struct frame *f);
void user_go(void (*function)(void), void *stack);
void user_end(struct frame *f);

struct cpu cpus[CPUS_MAX];
void (*handlers[256])(struct frame *);
static struct { u64 low, high; } idt64[256];
struct descriptor_pointer idt_pointer = { sizeof(idt64) - 1, (uptr)idt64 };
static struct tss64 tss64 = { .io_map = sizeof(struct tss64) };
static __attribute__((aligned(16))) u8 user_stack[USER_STACK];

void descriptor_set(u32 selector, u32 base, u32 limit, u8 access, u8 flags)
{
	u64 d = (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 |
		(u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;

	memcpy(gdt + (selector & ~7u), &d, sizeof(d));
}

uptr tss_base(void) { return (uptr)&tss64; }

void tables_init(void)
{
	uptr tss = (uptr)&tss64;

	for (u32 i = 0; i < CPUS_MAX; i++)
		descriptor_set(SEL_CPU0 + 8 * i, (u32)(uptr)&cpus[i], 0xfffff, ACCESS_DATA, FLAGS_FLAT);
	for (u32 i = 0; i < 256; i++) {
		u64 to = (uptr)trap_stubs + STUB_SIZE * i;
		u8 access = i == USER_RETURN ? GATE_USER : GATE_INTERRUPT;

		idt64[i].low = (to & 0xffff) | SEL_CODE64 << 16 | (u64)access << 40 | (to >> 16 & 0xffff) << 48;
		idt64[i].high = to >> 32;
	}
	tss64.rsp[0] = STACK_TOP - 0x4000;
	descriptor_set(SEL_USER_CODE64, 0, 0xfffff, ACCESS_CODE, FLAGS_LONG);
	descriptor_set(SEL_TSS64, (u32)tss, sizeof(tss64) - 1, ACCESS_TSS, 0);
	descriptor_set(SEL_TSS64 + 8, 0, 0, 0, 0);
	__asm__ volatile("lgdt %0; lidt %1; mov %2, %%gs; ltr %w3"
			 : : "m"((struct descriptor_pointer){ GDT_SIZE - 1, (uptr)gdt }), "m"(idt_pointer),
			     "r"(SEL_CPU0), "r"(SEL_TSS64) : "memory");
}

void trap(struct frame *f)
{
	struct cpu *me = this_cpu();

	if (handlers[f->vector]) {
		handlers[f->vector](f);
	} else if (me->resume) {
		me->vector = (u32)f->vector;
		me->error = (u32)f->error;
		me->eip = (u32)f->eip;
		f->eip = me->resume;
	} else {
		say("  vector %u error 0x%x at 0x%x:0x%llx rflags 0x%llx cr2 0x%llx cpu %u\n", (u32)f->vector,
		    (u32)f->error, (u32)f->cs, f->eip, f->eflags, READ_CR(2), cpu_number());
		promise(false, "trap", "no exception but those expected");
		done();
	}
}

void user_call(void (*function)(void))
{
	handlers[USER_RETURN] = user_end;
	user_go(function, user_stack + sizeof(user_stack));
	handlers[USER_RETURN] = NULL;
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" : : "r"(SEL_DATA32) : "memory");
}
