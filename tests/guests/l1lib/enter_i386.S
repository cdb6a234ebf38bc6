/* SPDX-License-Identifier: BSD-2-Clause */
/* u32 l2_go(struct l2 *l, u32 resume): into L2 with its registers, back at its exit. The result is RFLAGS, for
 * vmx_result_of(); a fault of VMLAUNCH itself is told as TRY() does. */
#include "layout.h"
#include "registers.h"

#define HOST_RSP	0x6c14
#define ALL_FLAGS	0x8d7
#define NO_FLAGS	2

	.macro enter insn
	push $ALL_FLAGS
	popf
	load_l2
	\insn
	.endm

	.text
	.global l2_go, l2_exited
l2_go:
	save_registers
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
	store_l2
	pop %eax
	mov %eax, L2_DI(%edi)
	mov $NO_FLAGS, %eax
3:	movl $0, %gs:CPU_RESUME
	restore_registers
	ret
