/* SPDX-License-Identifier: BSD-2-Clause */
/* Where other CPUs start: copied to AP_PAGE. Keeps the first registers for whoever asks, then goes to C. */
#include "layout.h"

#define CR0_PE		1
#define LEAF1		1
#define AP_STACK	4096

	.section .low, "awx"
	.code16
	.global ap_code, ap_code_end, ap_state
ap_code:
	movl %eax, %cs:ap_state - ap_code
	movl %ebx, %cs:ap_state - ap_code + 4
	movl %ecx, %cs:ap_state - ap_code + 8
	movl %edx, %cs:ap_state - ap_code + 12
	movl %esi, %cs:ap_state - ap_code + 16
	movl %edi, %cs:ap_state - ap_code + 20
	movl %ebp, %cs:ap_state - ap_code + 24
	movl %esp, %cs:ap_state - ap_code + 28
	mov %cs, %cs:ap_state - ap_code + 32
	mov %ds, %cs:ap_state - ap_code + 34
	mov %es, %cs:ap_state - ap_code + 36
	mov %ss, %cs:ap_state - ap_code + 38
	mov %fs, %cs:ap_state - ap_code + 40
	mov %gs, %cs:ap_state - ap_code + 42
	mov %cr0, %eax
	mov %eax, %cs:ap_state - ap_code + 48
	mov %cr2, %eax
	mov %eax, %cs:ap_state - ap_code + 52
	mov %cr3, %eax
	mov %eax, %cs:ap_state - ap_code + 56
	mov %cr4, %eax
	mov %eax, %cs:ap_state - ap_code + 60
	mov %dr6, %eax
	mov %eax, %cs:ap_state - ap_code + 64
	mov %dr7, %eax
	mov %eax, %cs:ap_state - ap_code + 68
	mov %dr0, %eax
	mov %eax, %cs:ap_state - ap_code + 72
	sgdt %cs:ap_state - ap_code + 76
	sidt %cs:ap_state - ap_code + 82
	xor %ax, %ax
	mov %ax, %ss
	mov $REAL_STACK - 1024, %sp
	pushfl
	pop %eax
	mov %eax, %cs:ap_state - ap_code + 88
	cli
	xor %ax, %ax
	mov %ax, %ds
	lgdt gdt_pointer
	mov %cr0, %eax
	or $CR0_PE, %al
	mov %eax, %cr0
	ljmp $SEL_CODE32, $ap_flat
	.balign 4
ap_state:				/* struct ap_state */
	.fill 92, 1, 0
ap_code_end:

	.text
	.code32
ap_flat:
	mov $SEL_DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %eax, %fs
	mov $LEAF1, %eax
	cpuid
	shr $24, %ebx			/* the CPU's number is its APIC id */
	lea SEL_CPU0(,%ebx,8), %eax
	mov %eax, %gs
	imul $AP_STACK, %ebx, %eax
	lea ap_stacks + AP_STACK(%eax), %esp
	lidt idt_pointer
	call ap_start
1:	cli
	hlt
	jmp 1b

	.bss
	.balign 16
ap_stacks:
	.fill AP_STACK * CPUS_MAX, 1, 0
