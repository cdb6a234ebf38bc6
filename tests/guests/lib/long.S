/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * u32 long_enter(u32 function, u32 argument): long mode with the tables of paging.c, calls 64-bit code there
 * with the argument in EDI, and comes back to 32-bit protected mode without paging; EAX is the result.
 */
#include "layout.h"

#define CR0_PG		0x80000000
#define CR4_PAE		0x20
#define MSR_EFER	0xc0000080
#define EFER_LME	0x100

	.text
	.code32
	.global long_enter, long_leave
long_enter:
	push %ebx
	push %esi
	push %edi
	push %ebp
	mov 20(%esp), %ebx
	mov 24(%esp), %edi
	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	sidt saved_idt
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	lidt idt64_pointer
	ljmp $SEL_CODE64, $1f
	.code64
1:	mov %esp, %esp
	mov %rsp, %rbp
	and $-16, %rsp
	mov %ebx, %ebx
	call *%rbx
long_leave:
	mov %rbp, %rsp
	mov $1f, %ecx
	push $SEL_CODE32
	push %rcx
	lretq
	.code32
1:	mov %eax, %ebx
	mov %cr0, %eax
	and $~CR0_PG, %eax
	mov %eax, %cr0
	mov $MSR_EFER, %ecx
	rdmsr
	and $~EFER_LME, %eax
	wrmsr
	mov %cr4, %eax
	and $~CR4_PAE, %eax
	mov %eax, %cr4
	lidt saved_idt
	mov %ebx, %eax
	pop %ebp
	pop %edi
	pop %esi
	pop %ebx
	ret

	.data
saved_idt:
	.word 0
	.long 0
