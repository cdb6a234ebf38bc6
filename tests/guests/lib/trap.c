/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptor tables, exceptions, and calls at CPL 3. */
#include "guest.h"

#define STUB_SIZE	16
#define GATE_INTERRUPT	0x8e
#define GATE_USER	0xee
#define ACCESS_DATA	0xf3		/* present, DPL 3, writable, accessed */
#define ACCESS_TSS	0x89
#define FLAGS_FLAT	0xc		/* 4 KiB units, 32-bit */
#define USER_RETURN	0x30		/* the vector by which CPL 3 comes back */
#define USER_STACK	2048

extern const u8 trap_stubs[], trap_stubs64[];
void trap(struct frame *f);
void trap_unexpected64(u32 vector, u32 rip, u32 error) __attribute__((noreturn));

struct cpu cpus[CPUS_MAX];
void (*handlers[256])(struct frame *);
u64 handlers64[256];
u64 idt[256];
static u64 idt64[512];
struct descriptor_pointer idt_pointer = { sizeof(idt) - 1, (u32)idt };
struct descriptor_pointer idt64_pointer = { sizeof(idt64) - 1, (u32)idt64 };
static struct {
	struct tss tss;
	u8 io_map[8193];		/* no port faults */
} task;
struct tss *const main_tss = &task.tss;
static u8 user_stack[USER_STACK];
static volatile u32 user_back_esp;

void descriptor_set(u32 selector, u32 base, u32 limit, u8 access, u8 flags)
{
	u64 d = (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 |
		(u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;

	memcpy(gdt + (selector & ~7u), &d, sizeof(d));
}

void gate_set(u32 vector, u16 selector, u32 offset, u8 access)
{
	idt[vector] = (offset & 0xffff) | (u64)selector << 16 | (u64)access << 40 | (u64)(offset >> 16) << 48;
}

void handler64_set(u32 vector, void (*code64)(void))
{
	handlers64[vector] = (u32)code64;
}

uptr tss_base(void) { return (uptr)&task; }

void tables_init(void)
{
	task.io_map[8192] = 0xff;
	for (u32 i = 0; i < CPUS_MAX; i++)
		descriptor_set(SEL_CPU0 + 8 * i, (u32)&cpus[i], 0xfffff, ACCESS_DATA, FLAGS_FLAT);
	for (u32 i = 0; i < 256; i++) {
		u64 to = (u32)trap_stubs64 + STUB_SIZE * i;

		gate_set(i, SEL_CODE32, (u32)trap_stubs + STUB_SIZE * i, i == USER_RETURN ? GATE_USER : GATE_INTERRUPT);
		idt64[2 * i] = (to & 0xffff) | SEL_CODE64 << 16 | (u64)GATE_INTERRUPT << 40 | (to >> 16) << 48;
	}
	main_tss->ss0 = SEL_DATA32;
	main_tss->esp0 = STACK_TOP - 0x4000;
	main_tss->io_map = sizeof(struct tss);
	descriptor_set(SEL_TSS, (u32)&task, sizeof(task) - 1, ACCESS_TSS, 0);
	__asm__ volatile("lidt %0; mov %1, %%gs; ltr %w2" : : "m"(idt_pointer), "r"(SEL_CPU0), "r"(SEL_TSS));
}

void trap_unexpected64(u32 vector, u32 rip, u32 error)
{
	say("  vector %u error 0x%x at 0x%x in long mode\n", vector, error, rip);
	promise(false, "trap", "no exception but those expected");
	done();
}

static void trap_unexpected(const struct frame *f)
{
	say("  vector %u error 0x%x at 0x%x:0x%x eflags 0x%x cr2 0x%x cpu %u\n", f->vector, f->error, f->cs, f->eip,
	    f->eflags, READ_CR(2), cpu_number());
	promise(false, "trap", "no exception but those expected");
	done();
}

void trap(struct frame *f)
{
	struct cpu *me = this_cpu();

	if (handlers[f->vector]) {
		handlers[f->vector](f);
	} else if (me->resume) {
		me->vector = f->vector;
		me->error = f->error;
		me->eip = f->eip;
		f->eip = me->resume;
	} else {
		trap_unexpected(f);
	}
}

/* The frame's way back to the caller of user_call(): its saved stack, by "popal; ret". */
static void user_back(struct frame *f)
{
	(void)f;
	handlers[USER_RETURN] = NULL;
	__asm__ volatile("mov %0, %%esp; popal; ret" : : "r"(user_back_esp));
	__builtin_unreachable();
}

__attribute__((noinline, naked)) static void user_go(void (*function)(void), void *stack)
{
	(void)function, (void)stack;
	__asm__ volatile("mov 4(%esp), %ecx; mov 8(%esp), %edx\n\t"
			 "pushal\n\t"
			 "mov %esp, user_back_esp\n\t"
			 "push $" "0x3b" "\n\tpush %edx\n\tpushf\n\tpush $" "0x33" "\n\tpush $1f\n\tiret\n"
			 "1:\tmov $0x3b, %eax; mov %eax, %ds; mov %eax, %es; call *%ecx\n\t"
			 "int $0x30");
}
_Static_assert(SEL_USER_DATA == 0x3b && SEL_USER_CODE == 0x33 && USER_RETURN == 0x30, "user_go() writes them out");

void user_call(void (*function)(void))
{
	handlers[USER_RETURN] = user_back;
	user_go(function, user_stack + sizeof(user_stack));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(SEL_DATA32) : "memory");
}
