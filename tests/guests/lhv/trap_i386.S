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
	pushal
	cld
	mov %esp, %eax
	call trap
	popal
	add $8, %esp
	iret

/* void user_enter(void (*function)(void), void *stack, uptr *back): EAX, EDX, ECX */
	.global user_enter, user_leave
user_enter:
	pushf
	push %ebx
	push %esi
	push %edi
	push %ebp
	mov %esp, (%ecx)
	mov $SEL_USER_DATA, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	push %ecx
	push %edx
	pushf
	push $SEL_USER_CODE
	push $1f
	iret
1:	call *%eax
	int $VECTOR_USER

/* void user_leave(uptr back): to the caller of user_enter */
user_leave:
	mov %eax, %esp
	mov $SEL_DATA, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	pop %ebp
	pop %edi
	pop %esi
	pop %ebx
	popf
	ret
