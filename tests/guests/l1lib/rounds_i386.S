/* SPDX-License-Identifier: BSD-2-Clause */
/* u32 l2_rounds(struct l2 *l, u32 n, u32 (*each)(void)): see rounds.h. On a stack of its own, so that HOST_RSP stays. */
#include "registers.h"

	.section .text.rounds, "ax"
	.global l2_rounds, l2_rounds_exited
l2_rounds:
	save_registers
	mov 20(%esp), %eax
	mov 24(%esp), %ecx
	mov 28(%esp), %edx
	mov %esp, outer_stack
	mov $l2_rounds_stack, %esp
	mov %edx, 8(%esp)
	mov %ecx, 4(%esp)
	mov %eax, (%esp)
resume:
	mov (%esp), %edi
	load_l2
	vmresume
	mov $1, %eax
	jmp out
launch:
	mov (%esp), %edi
	load_l2
	vmlaunch
	mov $1, %eax
	jmp out
l2_rounds_exited:
	push %edi
	mov 4(%esp), %edi
	store_l2
	pop L2_DI(%edi)
	call *8(%esp)
	decl 4(%esp)
	jz 1f
	test %eax, %eax
	jz resume
	jmp launch
1:	xor %eax, %eax
out:
	mov outer_stack, %esp
	restore_registers
	ret

	.bss
	.balign 16
	.skip 4096
	.global l2_rounds_stack
l2_rounds_stack:			/* HOST_RSP */
	.skip 3 * 4
outer_stack:
	.skip 4
