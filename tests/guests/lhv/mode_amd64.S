/* SPDX-License-Identifier: BSD-2-Clause */
/* 64-bit: long mode with a one-to-one map of 4 GiB. */
#include "layout.h"

#define CR4_PAE		0x20
#define MSR_EFER	0xc0000080
#define EFER_LME	0x100
#define TABLE		0x7		/* present, writable, user */
#define PAGE_2M		0xe7		/* and accessed, dirty, large */

	.text
	.code32
	.global switch_mode
switch_mode:
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov $l1_root, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	xor %edx, %edx
	mov $EFER_LME, %eax
	wrmsr
	mov $CR0_RUN, %eax
	mov %eax, %cr0
	ljmp $SEL_CODE64, $1f
	.code64
1:	mov %esp, %esp
	mov %ebx, %ebx
	xor %ebp, %ebp
	call *%rbx
2:	cli
	hlt
	jmp 2b

	.data
	.balign 4096
	.global l1_root
directory:
	.set page, 0
	.rept 2048
	.quad (page << 21) + PAGE_2M
	.set page, page + 1
	.endr
directories:
	.set page, 0
	.rept 4
	.quad directory + 4096 * page + TABLE
	.set page, page + 1
	.endr
	.balign 4096
l1_root:
	.quad directories + TABLE
	.balign 4096
