/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Multiboot header, GRUB's entry on the first CPU, and where the others start. Both ways end in switch_mode
 * (mode_*.S) with ESP set and the C function to call in EBX.
 */
#include "layout.h"

#define MAGIC		0x1badb002
#define FLAGS		0x00000003	/* page-aligned modules, memory sizes */
#define CR0_PE		1

	.section .multiboot, "a"
	.balign 4
	.long MAGIC, FLAGS, -(MAGIC + FLAGS)

	.text
	.code32
	.global _start, gdt, gdt_pointer, boot_magic, boot_info
_start:
	cli
	cld
	mov %eax, boot_magic
	mov %ebx, boot_info
	mov $boot_stack, %esp
	mov $lhv_main, %ebx
	lgdt gdt_pointer
	ljmp $SEL_CODE32, $flat

/* Copied to AP_PAGE: one CPU at a time comes through here. */
	.code16
	.global ap_code, ap_code_end
ap_code:
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	lgdtl AP_PAGE + ap_gdt_pointer - ap_code
	mov $CR0_PE, %eax
	mov %eax, %cr0
	ljmpl $SEL_CODE32, $ap_flat
	.balign 4
ap_gdt_pointer:
	.word GDT_SIZE - 1
	.long gdt
ap_code_end:

	.code32
ap_flat:
	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov ap_stack, %esp
	mov $ap_main, %ebx
flat:	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	jmp switch_mode

	.data
	.balign 8
gdt:	.quad 0
	.quad 0x00cf9b000000ffff	/* SEL_CODE32 */
	.quad 0x00cf93000000ffff	/* SEL_DATA */
	.quad 0x00af9b000000ffff	/* SEL_CODE64 */
#ifdef __x86_64__
	.quad 0x00affb000000ffff	/* SEL_USER_CODE */
#else
	.quad 0x00cffb000000ffff
#endif
	.quad 0x00cff3000000ffff	/* SEL_USER_DATA */
	.fill GDT_SIZE - 0x30, 1, 0
gdt_pointer:
	.word GDT_SIZE - 1
	.long gdt
	.long 0
	.balign 4
boot_magic: .long 0
boot_info: .long 0
	.global ap_stack
ap_stack: .long 0

	.bss
	.balign 16
	.skip STACK_BYTES
boot_stack:
