/* SPDX-License-Identifier: BSD-2-Clause */
/* The 64-bit pieces of long.c: each returns in EAX the vector it raised, or what it saw. */
#include "layout.h"

#define CR0_PG		0x80000000
#define CR0_CD		0x40000000
#define CR0_NW		0x20000000
#define MSR_EFER	0xc0000080

	.macro piece name
	.global \name
\name:
	.endm
	.macro try
	movl $9f, %gs:CPU_RESUME
	movl $NO_TRAP, %gs:CPU_VECTOR
	.endm
	.macro caught
9:	movl $0, %gs:CPU_RESUME
	mov %gs:CPU_VECTOR, %eax
	.endm

	.text
	.code64
piece l_none
	mov $MSR_EFER, %ecx
	rdmsr
	and $0x500, %eax
	ret
piece l_clear_pg
	mov %cr0, %rax
	btr $31, %rax
	try
	mov %rax, %cr0
	caught
	ret
piece l_cr0_high
	mov %cr0, %rax
	bts $32, %rax
	bts $30, %rax
	try
	mov %rax, %cr0
	caught
	ret
piece l_nw
	mov %cr0, %rax
	bts $29, %rax
	try
	mov %rax, %cr0
	caught
	ret
piece l_pae
	mov %cr4, %rax
	btr $5, %rax
	try
	mov %rax, %cr4
	caught
	ret
piece l_lme
	mov $MSR_EFER, %ecx
	rdmsr
	btr $8, %eax
	try
	wrmsr
	caught
	ret
piece l_cd
	mov %cr0, %r8
	mov %r8, %rax
	bts $30, %rax
	mov %rax, %cr0
	bts $29, %rax
	mov %rax, %cr0
	mov %cr0, %rax
	btr $29, %rax
	mov %rax, %cr0
	mov %cr0, %rax
	mov %r8, %cr0
	mov $(CR0_CD | CR0_NW | CR0_PG), %ecx
	and %ecx, %eax
	ret
piece l_cd_again
	mov %cr0, %rax
	and $CR0_CD, %eax
	ret

/* Leaves long mode by itself, with CD in the same write: in compatibility mode, then on to where long_enter ends. */
piece l_leave_cd
	mov $1f, %ecx
	push $SEL_CODE32
	push %rcx
	lretq
	.code32
1:	mov %cr0, %eax
	and $~CR0_PG, %eax
	or $CR0_CD, %eax
	mov %eax, %cr0
	mov %cr0, %eax			/* paging is off, 32-bit code goes on; back in again, for the common way out */
	or $CR0_PG, %eax
	and $~CR0_CD, %eax
	mov %eax, %cr0
	or $CR0_CD, %eax
	mov %eax, %cr0
	ljmp $SEL_CODE64, $2f
	.code64
2:	mov $1, %eax
	ret
piece l_cr8
	mov $5, %eax
	mov %rax, %cr8
	mov %cr8, %rcx
	xor %eax, %eax
	mov %rax, %cr8
	cmp $5, %ecx
	sete %al
	ret
piece l_ud
	try
	ud2
	caught
	ret
piece l_noncanonical
	mov $1, %rax
	shl $60, %rax
	try
	mov (%rax), %rax
	caught
	ret

/* 4 GiB + 2 MiB: writes and reads. */
piece l_above
	mov $0x100200000, %rcx
	movl $0x64646464, (%rcx)
	mov (%rcx), %edx
	xor %eax, %eax
	cmp $0x64646464, %edx
	sete %al
	ret
