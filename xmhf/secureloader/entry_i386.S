/* SPDX-License-Identifier: BSD-2-Clause */
/* First code at the base: 32-bit protected mode, EBX = hand-over, paging stays off. */
#include "lib/image.h"

	.section .header, "ax"
	.global sl_header
sl_header:
	.long IMAGE_MAGIC, 32, entry - sl_header, sl_end - . + 12

entry:
	call 1f
1:	pop %ebp
	sub $(1b - sl_header), %ebp		/* EBP = base */
	call find_scratch
	lea SCRATCH_SIZE(%edi), %esp

	lea gdt - sl_header(%ebp), %eax
	mov %eax, gdt_pointer + 2 - sl_header(%ebp)
	lgdt gdt_pointer - sl_header(%ebp)
	lea flat - sl_header(%ebp), %eax
	push $8
	push %eax
	lret
flat:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %eax, %fs
	mov %eax, %gs
	mov %ebx, %eax				/* -mregparm=3 */
	mov %ebp, %edx
	call sl_main				/* returns the runtime's entry */
	mov %eax, %ecx
	mov %ebx, %eax
	jmp *%ecx

#include "secureloader/scratch.inc"

	.balign 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long 0					/* filled above */

	.section .note.GNU-stack, "", @progbits
