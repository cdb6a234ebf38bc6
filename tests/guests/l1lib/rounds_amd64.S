/* SPDX-License-Identifier: BSD-2-Clause */
/* u32 l2_rounds(struct l2 *l, u32 n, u32 (*each)(void)): see rounds.h. On a stack of its own, so that HOST_RSP stays. */

#define L2_AX		0		/* struct l2 */
#define L2_BX		8
#define L2_CX		16
#define L2_DX		24
#define L2_SI		32
#define L2_DI		40
#define L2_BP		48
#define L2_R8		56

	.macro load_l2
	mov (%rsp), %rdi
	mov L2_AX(%rdi), %rax
	mov L2_BX(%rdi), %rbx
	mov L2_CX(%rdi), %rcx
	mov L2_DX(%rdi), %rdx
	mov L2_SI(%rdi), %rsi
	mov L2_BP(%rdi), %rbp
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov L2_R8 + 8 * (\n - 8)(%rdi), %r\n
	.endr
	mov L2_DI(%rdi), %rdi
	.endm

	.section .text.rounds, "ax"
	.global l2_rounds, l2_rounds_exited
l2_rounds:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, outer_stack(%rip)
	lea l2_rounds_stack(%rip), %rsp
	mov %rdx, 16(%rsp)
	mov %rsi, 8(%rsp)
	mov %rdi, (%rsp)
resume:
	load_l2
	vmresume
	mov $1, %eax
	jmp out
launch:
	load_l2
	vmlaunch
	mov $1, %eax
	jmp out
l2_rounds_exited:
	push %rdi
	mov 8(%rsp), %rdi
	mov %rax, L2_AX(%rdi)
	mov %rbx, L2_BX(%rdi)
	mov %rcx, L2_CX(%rdi)
	mov %rdx, L2_DX(%rdi)
	mov %rsi, L2_SI(%rdi)
	mov %rbp, L2_BP(%rdi)
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov %r\n, L2_R8 + 8 * (\n - 8)(%rdi)
	.endr
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
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.bss
	.balign 16
	.skip 4096
	.global l2_rounds_stack
l2_rounds_stack:			/* HOST_RSP */
	.skip 3 * 8
outer_stack:
	.skip 8
