/* SPDX-License-Identifier: BSD-2-Clause */
/* void bios_thunk(void): from 32-bit protected mode to real mode, INT bios_vector with bios_regs, and back. */
#include "layout.h"

#define CR0_PE		1

	.section .low, "awx"
	.code32
	.global bios_thunk, bios_vector, bios_regs
bios_thunk:
	pushal
	push %gs
	mov %esp, saved_esp
	sidt saved_idt
	lidt real_idt
	ljmp $SEL_CODE16, $1f
	.code16
1:	mov $SEL_DATA16, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov %ax, %fs
	mov %ax, %gs
	mov %cr0, %eax
	and $~CR0_PE, %al
	mov %eax, %cr0
	ljmp $0, $2f
2:	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %fs
	mov %ax, %gs
	mov %ax, %ss
	mov $bios_regs, %sp
	popal				/* EDI ESI EBP - EBX EDX ECX EAX */
	pop %es
	pop %ds
	mov $REAL_STACK, %sp
	.byte 0xcd			/* INT */
bios_vector:
	.byte 0
	pushfl
	push %ds
	push %es
	pushal
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %sp, %si
	mov $bios_regs, %di
	mov $(32 + 4 + 4), %cx
	cld
	rep movsb
	cli
	lgdt gdt_pointer		/* INT 15h AH=87h leaves another */
	mov %cr0, %eax
	or $CR0_PE, %al
	mov %eax, %cr0
	ljmp $SEL_CODE32, $3f
	.code32
3:	mov $SEL_DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %eax, %fs
	mov saved_esp, %esp
	lidt saved_idt
	pop %gs
	popal
	ret

	.balign 4
bios_regs:				/* struct bios_regs */
	.fill 40, 1, 0
saved_esp:
	.long 0
saved_idt:
	.word 0
	.long 0
real_idt:
	.word 0x3ff
	.long 0
