/* SPDX-License-Identifier: BSD-2-Clause */
/* What the IDTs point to: 256 stubs each for 32-bit and for long mode. */
#include "layout.h"

#define FRAME_EFLAGS	(2 * 4 + 8 * 4 + 4 * 4)	/* struct frame */
#define FRAME_VECTOR	(2 * 4 + 8 * 4)
#define EFLAGS_VM	0x20000
#define HAS_ERROR	0x60227d00		/* vectors 8, 10-14, 17, 21, 29, 30 */

	.text
	.code32
	.global trap_stubs, trap_return
	.balign 16
trap_stubs:
	vector = 0
	.rept 256
	.balign 16
	.if vector >= 32 || !(HAS_ERROR >> (vector & 31) & 1)
	push $0
	.endif
	push $vector
	jmp common
	vector = vector + 1
	.endr

common:
	pushal
	push %ds
	push %es
	mov $SEL_DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	testl $EFLAGS_VM, FRAME_EFLAGS(%esp)
	jz 1f
	mov $SEL_CPU0, %eax
	mov %eax, %gs
1:	cld
	push %esp
	call trap
	add $4, %esp
trap_return:
	pop %es
	pop %ds
	popal
	add $8, %esp
	iret

	.code64
	.global trap_stubs64
	.balign 16
trap_stubs64:
	vector = 0
	.rept 256
	.balign 16
	.if vector >= 32 || !(HAS_ERROR >> (vector & 31) & 1)
	pushq $0
	.endif
	pushq $vector
	jmp common64
	vector = vector + 1
	.endr

/* Long mode knows two things: the handler that handler64 names for the vector, and TRY(). */
common64:
	push %rax
	push %rcx
	mov 16(%rsp), %ecx
	mov $handlers64, %eax
	mov (%rax,%rcx,8), %rax
	test %rax, %rax
	jz 1f
	call *%rax
	jmp 2f
1:	mov %gs:CPU_RESUME, %eax
	test %eax, %eax
	jz unexpected64
	mov %ecx, %gs:CPU_VECTOR
	mov 24(%rsp), %rcx
	mov %ecx, %gs:CPU_ERROR
	mov 32(%rsp), %rcx
	mov %ecx, %gs:CPU_EIP
	mov %rax, 32(%rsp)
2:	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

unexpected64:
	mov 32(%rsp), %rax
	mov 24(%rsp), %rdx
	mov $1f, %esi
	push $SEL_CODE32
	push %rsi
	lretq
	.code32
1:	push %edx
	push %eax
	push %ecx
	call trap_unexpected64
