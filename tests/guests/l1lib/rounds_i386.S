/* SPDX-License-Identifier: BSD-2-Clause */
/* u32 l2_rounds(struct l2 *l, u32 n, u32 (*each)(void)): see rounds.h. On a stack of its own, so that HOST_RSP stays. */

#define L2_AX		0		/* struct l2 */
#define L2_BX		4
#define L2_CX		8
#define L2_DX		12
#define L2_SI		16
#define L2_DI		20
#define L2_BP		24

	.macro load_l2
	mov (%esp), %edi
	mov L2_AX(%edi), %eax
	mov L2_BX(%edi), %ebx
	mov L2_CX(%edi), %ecx
	mov L2_DX(%edi), %edx
	mov L2_SI(%edi), %esi
	mov L2_BP(%edi), %ebp
	mov L2_DI(%edi), %edi
	.endm

	.section .text.rounds, "ax"
	.global l2_rounds, l2_rounds_exited
l2_rounds:
	push %ebx
	push %esi
	push %edi
	push %ebp
	mov 20(%esp), %eax
	mov 24(%esp), %ecx
	mov 28(%esp), %edx
	mov %esp, outer_stack
	mov $l2_rounds_stack, %esp
	mov %edx, 8(%esp)
	mov %ecx, 4(%esp)
	mov %eax, (%esp)
resume:
	load_l2
	vmresume
	mov $1, %eax
	jmp out
launch:
	load_l2
	vmlaunch
	mov $1, %eax
	jmp out
l2_rounds_exited:
	push %edi
	mov 4(%esp), %edi
	mov %eax, L2_AX(%edi)
	mov %ebx, L2_BX(%edi)
	mov %ecx, L2_CX(%edi)
	mov %edx, L2_DX(%edi)
	mov %esi, L2_SI(%edi)
	mov %ebp, L2_BP(%edi)
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
	pop %ebp
	pop %edi
	pop %esi
	pop %ebx
	ret

	.bss
	.balign 16
	.skip 4096
	.global l2_rounds_stack
l2_rounds_stack:			/* HOST_RSP */
	.skip 3 * 4
outer_stack:
	.skip 4
