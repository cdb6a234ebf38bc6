/* SPDX-License-Identifier: BSD-2-Clause */
/* The runtime's header and entry: RDI = hand-over, on the secure loader's tables. */
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
	lea boot_stack_top(%rip), %rsp
	xor %ebp, %ebp
	call runtime_main

/* void stack_switch(struct vcpu *v, void (*next)(struct vcpu *)) */
	.global stack_switch
stack_switch:
	mov %rdi, %rsp
	call *%rsi

	.bss
	.balign 4096
	.skip 0x4000
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
