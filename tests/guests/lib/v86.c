/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tiny V86 monitor: the task runs with IOPL 3, so that only INT n faults, and gets it through the IVT as in
 * real mode. Its code is one INT that the caller names, and an INT that ends it.
 */
#include "guest.h"

#define CODE_AT		0x5000u
#define STACK_AT	0x5ff0u
#define END_VECTOR	0xee
#define IOPL3		0x3000u
#define INT_OPCODE	0xcd
#define ERROR_IDT	2u		/* the error code names an IDT entry */

static struct bios_regs *answer;
static volatile u32 back_esp;
void v86_go(const struct frame *f);

__asm__(".text; v86_go: mov 4(%esp), %ecx; pushal; mov %esp, back_esp; mov %ecx, %esp; jmp trap_return");

static void back(void)
{
	__asm__ volatile("mov %0, %%esp; popal; ret" : : "r"(back_esp));
	__builtin_unreachable();
}

static void leave(const struct frame *f)
{
	*answer = (struct bios_regs){ f->edi, f->esi, f->ebp, 0, f->ebx, f->edx, f->ecx, f->eax,
				      (u16)f->v_es, (u16)f->v_ds, f->eflags };
	back();
}

static void reflect(struct frame *f, u32 vector)
{
	u16 *stack;
	u16 *entry = (u16 *)(vector * 4);

	__asm__("" : "+r"(entry));		/* the IVT lies at address 0, and is real */
	f->esp = (f->esp - 6) & 0xffff;
	stack = (u16 *)((f->ss << 4) + f->esp);
	stack[2] = (u16)f->eflags;
	stack[1] = (u16)f->cs;
	stack[0] = (u16)(f->eip + 2);
	f->cs = entry[1];
	f->eip = entry[0];
	f->eflags &= ~EFLAGS_IF;
}

static void monitor(struct frame *f)
{
	const u8 *code = (const u8 *)((f->cs << 4) + f->eip);
	u32 vector = f->error >> 3;

	if (!(f->eflags & EFLAGS_VM) || code[0] != INT_OPCODE || (f->error & 7) != ERROR_IDT) {
		say("  #GP(0x%x) at %x:%x eflags 0x%x\n", f->error, f->cs, f->eip, f->eflags);
		promise(false, "v86", "only INT leaves the V86 task");
		done();
	}
	if (vector == END_VECTOR)
		leave(f);
	reflect(f, vector);
}

bool v86_int(u8 vector, struct bios_regs *regs)
{
	void (*before)(struct frame *) = handlers[GP_TRAP];
	struct frame f = {
		.edi = regs->edi, .esi = regs->esi, .ebp = regs->ebp, .ebx = regs->ebx, .edx = regs->edx,
		.ecx = regs->ecx, .eax = regs->eax, .eip = CODE_AT, .esp = STACK_AT,
		.eflags = EFLAGS_VM | IOPL3 | 2, .v_es = regs->es, .v_ds = regs->ds,
		.ds = SEL_DATA32, .es = SEL_DATA32,
	};
	const u8 code[] = { INT_OPCODE, vector, INT_OPCODE, END_VECTOR };

	memcpy((void *)CODE_AT, code, sizeof(code));
	answer = regs;
	handlers[GP_TRAP] = monitor;
	v86_go(&f);
	__asm__ volatile("mov %0, %%gs" : : "r"(SEL_CPU0));
	handlers[GP_TRAP] = before;
	return !(regs->flags & FLAG_CF);
}

static u32 first_vector;

static void take_first(struct frame *f)
{
	const u8 *code = (const u8 *)((f->cs << 4) + f->eip);

	first_vector = code[0] == INT_OPCODE && f->error == (END_VECTOR << 3 | ERROR_IDT) ? NO_TRAP : f->vector;
	back();
}

u32 v86_try(const u8 *insn, u32 length)
{
	void (*before_gp)(struct frame *) = handlers[GP_TRAP], (*before_ud)(struct frame *) = handlers[UD_TRAP];
	struct frame f = { .eip = CODE_AT, .esp = STACK_AT, .eflags = EFLAGS_VM | IOPL3 | 2, .ds = SEL_DATA32, .es = SEL_DATA32 };
	const u8 end[] = { INT_OPCODE, END_VECTOR };

	memcpy((void *)CODE_AT, insn, length);
	memcpy((void *)(CODE_AT + length), end, sizeof(end));
	handlers[GP_TRAP] = handlers[UD_TRAP] = take_first;
	v86_go(&f);
	__asm__ volatile("mov %0, %%gs" : : "r"(SEL_CPU0));
	handlers[GP_TRAP] = before_gp;
	handlers[UD_TRAP] = before_ud;
	return first_vector;
}
