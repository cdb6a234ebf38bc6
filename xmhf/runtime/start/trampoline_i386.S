/* SPDX-License-Identifier: BSD-2-Clause */
/* Where an AP starts after SIPI: copied to TRAMPOLINE_PAGE, real mode to the runtime in one page. */
#include "start/cpus.h"

#define AT(label)	(TRAMPOLINE_PAGE + label - trampoline_start)
#define EFER		0xc0000080
#define EFER_NXE	0x800
#define CR0_START	0x80010033	/* PG, WP, NE, ET, MP, PE */

	.section .rodata
	.global trampoline_start, trampoline_end
	.hidden trampoline_start, trampoline_end
	.code16
trampoline_start:
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	lgdtl AT(gdt_pointer)
	mov TRAMPOLINE_PAGE + TRAMPOLINE_CR4, %eax
	mov %eax, %cr4
	mov TRAMPOLINE_PAGE + TRAMPOLINE_CR3, %eax
	mov %eax, %cr3
	mov $EFER, %ecx
	rdmsr
	or $EFER_NXE, %eax
	wrmsr
	mov $CR0_START, %eax
	mov %eax, %cr0
	ljmpl $0x8, $AT(protected_mode)

	.code32
protected_mode:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov TRAMPOLINE_PAGE + TRAMPOLINE_ENTRY, %eax
	jmp *%eax

	.balign 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long AT(gdt)
trampoline_end:

/* One AP after another borrows the small stack to get a block of its own. EAX = ap_entry. */
	.text
	.global ap_entry
	.hidden ap_entry
ap_entry:
	mov %eax, %ebx
1:	lock btsl $0, ap_turn - ap_entry(%ebx)
	jnc 2f
	pause
	jmp 1b
2:	lea ap_stack_top - ap_entry(%ebx), %esp
	call cpus_allocate
	test %eax, %eax
	jz 3f
	mov %eax, %esp
	movl $0, ap_turn - ap_entry(%ebx)
	call ap_main
3:	call cpus_no_room

	.section .bss.ap_turn, "aw", @nobits
	.balign 16
	.skip 0x1000
ap_stack_top:
ap_turn: .long 0

	.section .note.GNU-stack, "", @progbits
