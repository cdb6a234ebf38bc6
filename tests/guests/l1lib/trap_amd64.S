/* SPDX-License-Identifier: BSD-2-Clause */
/* What a 64-bit L1's IDT points to. */
#include "layout.h"

#define HAS_ERROR	0x60227d00		/* vectors 8, 10-14, 17, 21, 29, 30 */

	.text
	.code64
	.global trap_stubs
	.balign 16
trap_stubs:
	vector = 0
	.rept 256
	.balign 16
	.if vector >= 32 || !(HAS_ERROR >> (vector & 31) & 1)
	pushq $0
	.endif
	pushq $vector
	jmp common
	vector = vector + 1
	.endr

common:					/* struct frame */
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	mov %rsp, %rbp
	and $-16, %rsp
	call trap
	mov %rbp, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

/* void user_go(void (*function)(void), void *stack): at CPL 3, 64-bit, until the function ends in INT 30h. */
	.global user_go, user_back_rsp
user_go:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, user_back_rsp
	push $SEL_USER_DATA
	push %rsi
	pushf
	push $SEL_USER_CODE64
	push $1f
	iretq
1:	call *%rdi
	int $0x30

/* void user_end(struct frame *): the handler of INT 30h, back to user_go's caller. */
	.global user_end
user_end:
	mov user_back_rsp, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

/* u32 compat_call(void (*code32)(void)): 32-bit code at CPL 0 in compatibility mode; it ends in RET, EAX is the result. */
	.global compat_call
compat_call:
	push %rbx
	push %rbp
	mov %rsp, %rbp
	sub $16, %rsp
	push $SEL_CODE32
	push $1f
	lretq
	.code32
1:	call *%edi
	ljmp $SEL_CODE64, $1f
	.code64
1:	mov %rbp, %rsp
	pop %rbp
	pop %rbx
	ret

	.bss
	.balign 8
user_back_rsp:
	.quad 0
