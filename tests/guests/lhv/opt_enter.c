/* SPDX-License-Identifier: BSD-2-Clause */
/* Always on: L2 is entered and left, with its registers and L1's. vmx.c makes more checks of this promise. */
#include "lhv.h"

#define ANSWER(argument) ((argument) * 3 + 1)

static uptr call(struct cpu *c, uptr argument)
{
	(void)c;
	return ANSWER(argument);
}

/* VMCALL with all registers but ESP known before and after. */
static u32 registers_kept(u32 seed)
{
	uptr number = OPT_ENTER;
	u32 wrong = 0;

#ifdef __x86_64__
	__asm__ volatile("push %%rbp\n\t"
		"lea 1(%%rbx), %%rcx\n\tlea 2(%%rbx), %%rdx\n\tlea 3(%%rbx), %%rsi\n\tlea 4(%%rbx), %%rdi\n\tlea 5(%%rbx), %%rbp\n\t"
		"lea 6(%%rbx), %%r8\n\tlea 7(%%rbx), %%r9\n\tlea 8(%%rbx), %%r10\n\tlea 9(%%rbx), %%r11\n\t"
		"lea 10(%%rbx), %%r12\n\tlea 11(%%rbx), %%r13\n\tlea 12(%%rbx), %%r14\n\tlea 13(%%rbx), %%r15\n\t"
		"vmcall\n\t"
		"sub %%rbx, %%rcx\n\tsub %%rbx, %%rdx\n\tsub %%rbx, %%rsi\n\tsub %%rbx, %%rdi\n\tsub %%rbx, %%rbp\n\t"
		"sub %%rbx, %%r8\n\tsub %%rbx, %%r9\n\tsub %%rbx, %%r10\n\tsub %%rbx, %%r11\n\t"
		"sub %%rbx, %%r12\n\tsub %%rbx, %%r13\n\tsub %%rbx, %%r14\n\tsub %%rbx, %%r15\n\t"
		"xor $1, %%rcx\n\txor $2, %%rdx\n\txor $3, %%rsi\n\txor $4, %%rdi\n\txor $5, %%rbp\n\t"
		"xor $6, %%r8\n\txor $7, %%r9\n\txor $8, %%r10\n\txor $9, %%r11\n\t"
		"xor $10, %%r12\n\txor $11, %%r13\n\txor $12, %%r14\n\txor $13, %%r15\n\t"
		"or %%rdx, %%rcx\n\tor %%rsi, %%rcx\n\tor %%rdi, %%rcx\n\tor %%rbp, %%rcx\n\tor %%r8, %%rcx\n\tor %%r9, %%rcx\n\t"
		"or %%r10, %%rcx\n\tor %%r11, %%rcx\n\tor %%r12, %%rcx\n\tor %%r13, %%rcx\n\tor %%r14, %%rcx\n\tor %%r15, %%rcx\n\t"
		"pop %%rbp"
		: "+a"(number), "=c"(wrong) : "b"((uptr)seed)
		: "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
#else
	__asm__ volatile("push %%ebp\n\t"
		"lea 1(%%ebx), %%ecx\n\tlea 2(%%ebx), %%edx\n\tlea 3(%%ebx), %%esi\n\tlea 4(%%ebx), %%edi\n\tlea 5(%%ebx), %%ebp\n\t"
		"vmcall\n\t"
		"sub %%ebx, %%ecx\n\tsub %%ebx, %%edx\n\tsub %%ebx, %%esi\n\tsub %%ebx, %%edi\n\tsub %%ebx, %%ebp\n\t"
		"xor $1, %%ecx\n\txor $2, %%edx\n\txor $3, %%esi\n\txor $4, %%edi\n\txor $5, %%ebp\n\t"
		"or %%edx, %%ecx\n\tor %%esi, %%ecx\n\tor %%edi, %%ecx\n\tor %%ebp, %%ecx\n\t"
		"pop %%ebp"
		: "+a"(number), "=c"(wrong) : "b"((uptr)seed) : "edx", "esi", "edi", "memory", "cc");
#endif
	return wrong || number != ANSWER((uptr)seed);
}

static void in_l2(struct cpu *c, u32 n)
{
	u32 seed = n * 0x01234567 + c->index;

	check(&opt_enter, !registers_kept(seed), "registers changed by VMCALL");
	check(&opt_enter, l2_call(OPT_ENTER, seed) == ANSWER((uptr)seed), "a wrong answer to VMCALL");
	check(&opt_enter, this_level() == L2 && cpl() == 0, "TR says level %u, CPL %u", this_level() + 1, cpl());
}

static void left(struct cpu *c)
{
	check(&opt_enter, this_cpu() == c && this_level() == L1, "TR is cpu %u level %u after the exit", task_slot() / 2,
	      this_level() + 1);
	check(&opt_enter, read_cr3() == (uptr)vmcs_read(HOST_CR3), "CR3 0x%zx after the exit", read_cr3());
	check(&opt_enter, vmcs_read(GUEST_CR3) != read_cr3(), "L2 has CR3 0x%llx", vmcs_read(GUEST_CR3));
	check(&opt_enter, c->exit_reason == EXIT_EPT_VIOLATION || !(vmcs_read32(IDT_VECTORING_INFO) & INTR_VALID),
	      "exit %u came in the middle of an event", c->exit_reason);
}

static void after(struct cpu *c, u32 n)
{
	check(&opt_enter, c->iteration == n, "L2 ran iteration %u", n);
}

const struct option opt_enter = {
	.bit = OPT_ENTER, .name = "enter", .promise = "L2 runs on each CPU, and VMCALL carries its registers to L1 and back",
	.in_l2 = in_l2, .call = call, .left = left, .after = after,
};
