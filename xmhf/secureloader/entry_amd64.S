/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First code at the base: in 32-bit protected mode with EBX = hand-over, to C in 64-bit mode with
 * 4 GiB mapped one to one. Tables and stack lie in the free room behind the runtime.
 */
#include "lib/image.h"

#define EFER		0xc0000080
#define EFER_LME	(1 << 8)
#define CR4_PAE		(1 << 5)
#define CR0_PG		(1 << 31)
#define PRESENT_RW	3
#define LARGE		0x83

	.section .header, "ax"
	.code32
	.global sl_header
sl_header:
	.long IMAGE_MAGIC, 64, entry - sl_header, sl_end - . + 12

entry:
	call 1f
1:	pop %ebp
	sub $(1b - sl_header), %ebp		/* EBP = base */
	call find_scratch			/* EDI = PML4, PDPT, four PDs, stack */

	lea 0x1000 + PRESENT_RW(%edi), %eax
	mov %eax, (%edi)			/* PML4[0] */
	lea 0x2000 + PRESENT_RW(%edi), %eax
	xor %ecx, %ecx
1:	mov %eax, 0x1000(%edi, %ecx, 8)		/* PDPT[0..3] */
	add $0x1000, %eax
	inc %ecx
	cmp $4, %ecx
	jb 1b
	mov $LARGE, %eax
	xor %ecx, %ecx
1:	mov %eax, 0x2000(%edi, %ecx, 8)		/* 2048 leaves of 2 MiB */
	add $0x200000, %eax
	inc %ecx
	cmp $2048, %ecx
	jb 1b

	lea SCRATCH_SIZE(%edi), %esp
	mov %edi, %cr3
	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0

	lea gdt - sl_header(%ebp), %eax
	mov %eax, gdt_pointer + 2 - sl_header(%ebp)
	lgdt gdt_pointer - sl_header(%ebp)
	lea long_mode - sl_header(%ebp), %eax
	push $8
	push %eax
	lret

	.code64
long_mode:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov %esp, %esp
	mov %ebx, %edi
	mov %ebp, %esi
	call sl_main				/* returns the runtime's entry */
	mov %ebx, %edi
	jmp *%rax

	.code32
#include "secureloader/scratch.inc"

	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff	/* 64-bit code, data */
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long 0					/* filled above */

	.section .note.GNU-stack, "", @progbits
