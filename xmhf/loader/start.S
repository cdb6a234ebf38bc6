/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot 1 header and entry (Multiboot 3.1, 3.2), and the jump into the secure loader. */
#include "loader/loader.h"

#define MB_MAGIC	0x1badb002
#define MB_NEEDS	0x00000003	/* page-aligned modules, memory information */

	.section .multiboot, "a"
	.balign 4
	.long MB_MAGIC, MB_NEEDS, -(MB_MAGIC + MB_NEEDS)

	.text
	.global loader_entry
loader_entry:
	cli
	cld
	mov $stack_top, %esp
	push $0
	popf
	mov %ebx, %edx			/* -mregparm=3: magic, information */
	call loader_main

/* void enter_secure_loader(u32 entry, struct handoff *h): takes @h in EBX, flat segments of our own. */
	.global enter_secure_loader
enter_secure_loader:
	mov %edx, %ebx
	jmp *%eax

	.bss
	.balign 16
	.skip LOADER_STACK
stack_top:

	.section .note.GNU-stack, "", @progbits
