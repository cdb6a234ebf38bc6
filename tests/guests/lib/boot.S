/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot sector: keeps the registers it was entered with, loads the rest of the image by INT 13h from the
 * drive that DL names, and goes to 32-bit protected mode, where guest_start() runs.
 */
#include "layout.h"

#define CHUNK		32		/* sectors a read */
#define CR0_PE		1

	.section .boot, "ax"
	.code16
	.global _start, entry_state, gdt, gdt_pointer
_start:
	movl %eax, %cs:entry_state
	movl %ebx, %cs:entry_state + 4
	movl %ecx, %cs:entry_state + 8
	movl %edx, %cs:entry_state + 12
	movl %esi, %cs:entry_state + 16
	movl %edi, %cs:entry_state + 20
	movl %ebp, %cs:entry_state + 24
	movl %esp, %cs:entry_state + 28
	mov %cs, %cs:entry_state + 32
	mov %ds, %cs:entry_state + 34
	mov %es, %cs:entry_state + 36
	mov %ss, %cs:entry_state + 38
	mov %fs, %cs:entry_state + 40
	mov %gs, %cs:entry_state + 42
	mov $REAL_STACK, %sp
	call 1f
1:	pop %ax
	sub $(1b - _start), %ax
	mov %ax, %cs:entry_state + 44		/* IP */
	xor %ax, %ax
	mov %ax, %ss
	mov $REAL_STACK, %sp
	mov %ax, %ds
	mov %ax, %es
	cld
	mov $image_sectors, %bp
read:
	mov $packet, %si
	mov $CHUNK, %ax
	cmp %ax, %bp
	jae 1f
	mov %bp, %ax
1:	mov %ax, 2(%si)
	push %ax
	mov entry_state + 12, %dl
	mov $0x42, %ah
	int $0x13
	pop %ax
	jc failed
	add %ax, packet_lba
	addw $(CHUNK * 512 / 16), packet_segment
	sub %ax, %bp
	jnz read
	cli
	lgdt gdt_pointer
	mov %cr0, %eax
	or $CR0_PE, %al
	mov %eax, %cr0
	ljmp $SEL_CODE32, $flat
failed:
	mov $'!', %al
	mov $0x3f8, %dx
	out %al, %dx
	cli
	hlt

	.code32
flat:
	mov $SEL_DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %eax, %fs
	mov $STACK_TOP, %esp
	mov $image_end, %edi
	mov $bss_end, %ecx
	sub %edi, %ecx
	xor %eax, %eax
	rep stosb
	call guest_start
1:	hlt
	jmp 1b

	.balign 4
packet:
	.byte 16, 0
	.word 0
	.word 0
packet_segment:
	.word 0x7e0
packet_lba:
	.quad 1
entry_state:				/* struct entry_state */
	.fill 48, 1, 0
	.org 510
	.word 0xaa55

	.section .low, "awx"
	.balign 8
gdt_pointer:
	.word GDT_SIZE - 1
	.long gdt
	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* SEL_CODE32 */
	.quad 0x00cf93000000ffff	/* SEL_DATA32 */
	.quad 0x00009b000000ffff	/* SEL_CODE16 */
	.quad 0x000093000000ffff	/* SEL_DATA16 */
	.quad 0x00af9b000000ffff	/* SEL_CODE64 */
	.quad 0x00cffb000000ffff	/* SEL_USER_CODE */
	.quad 0x00cff3000000ffff	/* SEL_USER_DATA */
	.fill GDT_SIZE - 0x40, 1, 0	/* the rest is written by tables_init() */
