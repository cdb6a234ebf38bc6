/* SPDX-License-Identifier: BSD-2-Clause */
/* u32 l2_go(struct l2 *l, u32 resume): into L2 with its registers, back at its exit. The result is RFLAGS, for
 * vmx_result_of(); a fault of VMLAUNCH itself is told as TRY() does. */
#include "layout.h"

#define HOST_RSP	0x6c14
#define L2_AX		0		/* struct l2 */
#define L2_BX		8
#define L2_CX		16
#define L2_DX		24
#define L2_SI		32
#define L2_DI		40
#define L2_BP		48
#define L2_R8		56
#define ALL_FLAGS	0x8d7
#define NO_FLAGS	2

	.macro enter insn
	push $ALL_FLAGS
	popf
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
	\insn
	.endm

	.text
	.global l2_go, l2_exited
l2_go:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdi
	movl $2f, %gs:CPU_RESUME
	movl $NO_TRAP, %gs:CPU_VECTOR
	mov $HOST_RSP, %eax
	vmwrite %rsp, %rax
	test %esi, %esi
	jnz 1f
	enter vmlaunch
	jmp 2f
1:	enter vmresume
2:	pushfq
	pop %rax
	pop %rdi
	jmp 3f
l2_exited:
	xchg %rdi, (%rsp)
	mov %rax, L2_AX(%rdi)
	mov %rbx, L2_BX(%rdi)
	mov %rcx, L2_CX(%rdi)
	mov %rdx, L2_DX(%rdi)
	mov %rsi, L2_SI(%rdi)
	mov %rbp, L2_BP(%rdi)
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov %r\n, L2_R8 + 8 * (\n - 8)(%rdi)
	.endr
	pop %rax
	mov %rax, L2_DI(%rdi)
	mov $NO_FLAGS, %eax
3:	movl $0, %gs:CPU_RESUME
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
