/* SPDX-License-Identifier: BSD-2-Clause */
/* What the IDT's 256 gates lead to, and the way to CPL 3 and back. struct frame is what lies on the stack. */
#include "layout.h"

#define HAS_ERROR	0x60227d00	/* vectors 8, 10-14, 17, 21, 29, 30 */

	.text
	.global trap_stubs
	.balign STUB_SIZE
trap_stubs:
	.set vector, 0
	.rept 256
	.balign STUB_SIZE
	.if vector >= 32 || !(HAS_ERROR >> (vector & 31) & 1)
	push $0
	.endif
	push $vector
	jmp common
	.set vector, vector + 1
	.endr

common:
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
	call trap
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

/* void user_enter(void (*function)(void), void *stack, uptr *back): RDI, RSI, RDX */
	.global user_enter, user_leave
user_enter:
	pushf
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rdx)
	push $SEL_USER_DATA
	push %rsi
	pushf
	push $SEL_USER_CODE
	push $1f
	iretq
1:	call *%rdi
	int $VECTOR_USER

/* void user_leave(uptr back): to the caller of user_enter */
user_leave:
	mov %rdi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	popf
	ret
