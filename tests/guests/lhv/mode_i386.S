/* SPDX-License-Identifier: BSD-2-Clause */
/* 32-bit: PAE paging with a one-to-one map of 4 GiB. */
#include "layout.h"

#define CR4_PAE		0x20
#define PRESENT		0x1
#define PAGE_2M		0xe7		/* present, writable, user, accessed, dirty, large */

	.text
	.code32
	.global switch_mode
switch_mode:
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov $l1_root, %eax
	mov %eax, %cr3
	mov $CR0_RUN, %eax
	mov %eax, %cr0
	xor %ebp, %ebp
	call *%ebx
1:	cli
	hlt
	jmp 1b

	.data
	.balign 4096
	.global l1_root
directory:
	.set page, 0
	.rept 2048
	.quad (page << 21) + PAGE_2M
	.set page, page + 1
	.endr
l1_root:
	.set page, 0
	.rept 4
	.long directory + 4096 * page + PRESENT, 0
	.set page, page + 1
	.endr
