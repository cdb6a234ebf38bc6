/* SPDX-License-Identifier: BSD-2-Clause */
/* The runtime's header and entry: EAX = hand-over, paging off. */
#include "lib/image.h"

	.section .header, "ax"
	.global runtime_header
runtime_header:
	.long RUNTIME_MAGIC
	.long runtime_file_end - . + 4
	.long runtime_end - . + 8
	.long runtime_relocations - . + 12, runtime_relocations_end - . + 16
	.long runtime_entry - . + 20

	.text
	.global runtime_entry
runtime_entry:
	mov %eax, %esi
	call 1f
1:	pop %ecx
	lea boot_stack_top - 1b(%ecx), %esp
	mov %esi, %eax
	xor %ebp, %ebp
	call runtime_main

/* void stack_switch(struct vcpu *v, void (*next)(struct vcpu *)) */
	.global stack_switch
stack_switch:
	mov %eax, %esp
	call *%edx

	.bss
	.balign 4096
	.skip 0x4000
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
