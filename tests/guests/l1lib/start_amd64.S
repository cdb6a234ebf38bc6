/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 64-bit L1: boot.S and ap.S of ../lib bring each CPU into 32-bit protected mode and call guest_start and ap_start,
 * which here go on to 64-bit mode and to the C functions (named guest_start64 and ap_start64 by guests.mk).
 */
#include "layout.h"

#define CR0_PG		0x80000000
#define CR4_PAE		0x20
#define MSR_EFER	0xc0000080
#define EFER_LME	0x100
#define TABLE		7		/* present, writable, user */
#define LARGE		0x87
#define SIZE_2M		0x200000

	.text
	.code32
	.global guest_start, ap_start
guest_start:
	mov $pdpt + TABLE, %eax
	mov %eax, pml4
	mov $page_directory + TABLE, %eax
	xor %ecx, %ecx
1:	mov %eax, pdpt(,%ecx,8)
	add $4096, %eax
	inc %ecx
	cmp $4, %ecx
	jb 1b
	mov $LARGE, %eax		/* 4 GiB, one to one; paging_init() makes more of it */
	xor %ecx, %ecx
1:	mov %eax, page_directory(,%ecx,8)
	add $SIZE_2M, %eax
	inc %ecx
	cmp $4 * 512, %ecx
	jb 1b
	mov $guest_start64, %ebx
	jmp go64

ap_start:
	mov $ap_start64, %ebx
go64:
	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	ljmp $SEL_CODE64, $1f
	.code64
1:	mov %esp, %esp
	and $-16, %rsp
	mov %ebx, %ebx
	lidt idt_pointer
	call *%rbx
1:	cli
	hlt
	jmp 1b
