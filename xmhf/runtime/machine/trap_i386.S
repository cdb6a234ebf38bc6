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
	push %edi
	push %esi
	push %ebp
	push %eax			/* the slot of ESP */
	push %ebx
	push %edx
	push %ecx
	push %eax
	cld
	mov %esp, %eax
	call trap_handle
	pop %eax
	pop %ecx
	pop %edx
	pop %ebx
	add $4, %esp
	pop %ebp
	pop %esi
	pop %edi
	add $8, %esp			/* vector, error code */
	iret

/* void nmi_unblock(void): an IRET ends the blocking that an NMI exit leaves behind. */
	.global nmi_unblock
	.hidden nmi_unblock
nmi_unblock:
	pop %eax
	pushf
	push %cs
	push %eax
	iret

/* void trap_reload_cs(uptr selector) */
	.global trap_reload_cs
	.hidden trap_reload_cs
trap_reload_cs:
	pop %ecx
	push %eax
	push %ecx
	lret

	.section .note.GNU-stack, "", @progbits
