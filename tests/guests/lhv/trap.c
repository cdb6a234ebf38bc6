/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions, interrupts, and calls at CPL 3: the same code at both levels. */
#include "lhv.h"

struct fixup { u32 at, to; };

extern const struct fixup fixups[], fixups_end[];

void trap(struct frame *f);
void user_enter(void (*function)(void), void *stack, uptr *back);
void user_leave(uptr back) NORETURN;

static bool fixed_up(struct frame *f)
{
	for (const struct fixup *x = fixups; x < fixups_end; x++)
		if (x->at == f->ip) {
			f->ip = x->to;
			f->ax = f->vector;
			return true;
		}
	return false;
}

void trap(struct frame *f)
{
	struct cpu *c = this_cpu();

	if (f->vector == VECTOR_USER)
		user_leave(c->user_back[this_level()]);
	if (f->vector >= VECTOR_PIC) {
		enum level level = c->leaving_l2 ? L2 : this_level();

		if (f->cs & 3)
			c->in_user[level]++;
		irq_take(c, (u32)f->vector, level);
	} else if (!fixed_up(f)) {
		fail("L%u: vector %u error 0x%x at 0x%x:0x%zx flags 0x%zx cr2 0x%zx", this_level() + 1, (u32)f->vector,
		     (u32)f->error, (u32)f->cs, f->ip, f->flags, read_cr2());
	}
}

/* Interrupts at CPL 3 use this stack, below what is in use now. */
#define KEEP_BELOW	1024

void user_call(void (*function)(void))
{
	struct cpu *c = this_cpu();
	enum level level = this_level();
	uptr here = (uptr)__builtin_frame_address(0);

	c->tss[level].sp0 = (here - KEEP_BELOW) & ~(uptr)15;
	user_enter(function, c->user_stack[level] + sizeof(c->user_stack[level]), &c->user_back[level]);
}
