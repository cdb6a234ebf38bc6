/* SPDX-License-Identifier: BSD-2-Clause */
/* u32 l2_go(struct l2 *l, u32 resume): into L2 with its registers, back at its exit. The result is RFLAGS, for
 * vmx_result_of(); a fault of VMLAUNCH itself is told as TRY() does. */
#include "layout.h"

#define HOST_RSP	0x6c14
#define L2_AX		0		/* struct l2 */
#define L2_BX		4
#define L2_CX		8
#define L2_DX		12
#define L2_SI		16
#define L2_DI		20
#define L2_BP		24
#define ALL_FLAGS	0x8d7
#define NO_FLAGS	2

	.macro enter insn
	push $ALL_FLAGS
	popf
	mov L2_AX(%edi), %eax
	mov L2_BX(%edi), %ebx
	mov L2_CX(%edi), %ecx
	mov L2_DX(%edi), %edx
	mov L2_SI(%edi), %esi
	mov L2_BP(%edi), %ebp
	mov L2_DI(%edi), %edi
	\insn
	.endm

	.text
	.global l2_go, l2_exited
l2_go:
	push %ebx
	push %esi
	push %edi
	push %ebp
	mov 20(%esp), %edi
	mov 24(%esp), %ecx
	push %edi
	movl $2f, %gs:CPU_RESUME
	movl $NO_TRAP, %gs:CPU_VECTOR
	mov $HOST_RSP, %eax
	vmwrite %esp, %eax
	test %ecx, %ecx
	jnz 1f
	enter vmlaunch
	jmp 2f
1:	enter vmresume
2:	pushf
	pop %eax
	pop %edi
	jmp 3f
l2_exited:
	xchg %edi, (%esp)
	mov %eax, L2_AX(%edi)
	mov %ebx, L2_BX(%edi)
	mov %ecx, L2_CX(%edi)
	mov %edx, L2_DX(%edi)
	mov %esi, L2_SI(%edi)
	mov %ebp, L2_BP(%edi)
	pop %eax
	mov %eax, L2_DI(%edi)
	mov $NO_FLAGS, %eax
3:	movl $0, %gs:CPU_RESUME
	pop %ebp
	pop %edi
	pop %esi
	pop %ebx
	ret
