/* SPDX-License-Identifier: BSD-2-Clause */
/* u32 l2_rounds(struct l2 *l, u32 n, u32 (*each)(void)): see rounds.h. On a stack of its own, so that HOST_RSP stays. */
#include "registers.h"

	.section .text.rounds, "ax"
	.global l2_rounds, l2_rounds_exited
l2_rounds:
	save_registers
	mov %rsp, outer_stack(%rip)
	lea l2_rounds_stack(%rip), %rsp
	mov %rdx, 16(%rsp)
	mov %rsi, 8(%rsp)
	mov %rdi, (%rsp)
resume:
	mov (%rsp), %rdi
	load_l2
	vmresume
	mov $1, %eax
	jmp out
launch:
	mov (%rsp), %rdi
	load_l2
	vmlaunch
	mov $1, %eax
	jmp out
l2_rounds_exited:
	push %rdi
	mov 8(%rsp), %rdi
	store_l2
	pop L2_DI(%rdi)
	call *16(%rsp)
	decq 8(%rsp)
	jz 1f
	test %eax, %eax
	jz resume
	jmp launch
1:	xor %eax, %eax
out:
	mov outer_stack(%rip), %rsp
	restore_registers
	ret

	.bss
	.balign 16
	.skip 4096
	.global l2_rounds_stack
l2_rounds_stack:			/* HOST_RSP */
	.skip 3 * 8
outer_stack:
	.skip 8
