/* SPDX-License-Identifier: BSD-2-Clause */
/* Where an AP starts after SIPI: copied to TRAMPOLINE_PAGE, real mode to the runtime in one page. */
#include "start/cpus.h"

#define AT(label)	(TRAMPOLINE_PAGE + label - trampoline_start)
#define EFER		0xc0000080
#define EFER_LME_NXE	0x900
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
	or $EFER_LME_NXE, %eax
	wrmsr
	mov $CR0_START, %eax
	mov %eax, %cr0
	ljmpl $0x8, $AT(long_mode)

	.code64
long_mode:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov TRAMPOLINE_PAGE + TRAMPOLINE_ENTRY, %rax
	jmp *%rax

	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long AT(gdt)
trampoline_end:

/* One AP after another borrows the small stack to get a block of its own. */
	.text
	.global ap_entry
	.hidden ap_entry
ap_entry:
1:	lock btsl $0, ap_turn(%rip)
	jnc 2f
	pause
	jmp 1b
2:	lea ap_stack_top(%rip), %rsp
	call cpus_allocate
	test %rax, %rax
	jz 3f
	mov %rax, %rsp
	mov %rax, %rdi
	movl $0, ap_turn(%rip)
	call ap_main
3:	call cpus_no_room

	.bss
	.balign 16
	.skip 0x1000
ap_stack_top:
ap_turn: .long 0

	.section .note.GNU-stack, "", @progbits
