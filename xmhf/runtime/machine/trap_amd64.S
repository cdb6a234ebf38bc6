/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of the 32 exception vectors, TRAP_STUB_SIZE bytes apart; trap.c takes over. */
#include "machine/trap.h"

#define HAS_ERROR_CODE	0x60227d00	/* vectors 8, 10-14, 17, 21, 29, 30 */

	.text
	.balign TRAP_STUB_SIZE
	.global trap_stubs
	.hidden trap_stubs
trap_stubs:
vector = 0
.rept 32
	.balign TRAP_STUB_SIZE
	.if !((HAS_ERROR_CODE >> vector) & 1)
	push $0
	.endif
	push $vector
	jmp common
vector = vector + 1
.endr

common:
	push %r15
	push %r14
	push %r13
	push %r12
	push %r11
	push %r10
	push %r9
	push %r8
	push %rdi
	push %rsi
	push %rbp
	push %rax			/* the slot of RSP */
	push %rbx
	push %rdx
	push %rcx
	push %rax
	cld
	mov %rsp, %rdi
	call trap_handle
	pop %rax
	pop %rcx
	pop %rdx
	pop %rbx
	add $8, %rsp
	pop %rbp
	pop %rsi
	pop %rdi
	pop %r8
	pop %r9
	pop %r10
	pop %r11
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	add $16, %rsp			/* vector, error code */
	iretq

/* void nmi_unblock(void): an IRET ends the blocking that an NMI exit leaves behind. */
	.global nmi_unblock
	.hidden nmi_unblock
nmi_unblock:
	mov %rsp, %rax
	mov %ss, %ecx
	push %rcx
	push %rax
	pushf
	mov %cs, %ecx
	push %rcx
	lea 1f(%rip), %rax
	push %rax
	iretq
1:	ret

/* void trap_reload_cs(uptr selector) */
	.global trap_reload_cs
	.hidden trap_reload_cs
trap_reload_cs:
	pop %rax
	push %rdi
	push %rax
	lretq

	.section .note.GNU-stack, "", @progbits
