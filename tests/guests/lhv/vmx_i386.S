/* SPDX-License-Identifier: BSD-2-Clause */
/* Into L2 and back: bool vmx_enter(struct registers *, bool launched); false: VMfail. And a call of L2. */
#include "layout.h"

#define HOST_RSP	0x6c14
#define CR0_PG		0x80000000

	.text
	.global vmx_enter, vmx_left
vmx_enter:
	push %ebx
	push %esi
	push %edi
	push %ebp
	push %eax
	mov $HOST_RSP, %ecx
	vmwrite %esp, %ecx
	test %edx, %edx
	mov 4(%eax), %ebx
	mov 8(%eax), %ecx
	mov 12(%eax), %edx
	mov 16(%eax), %esi
	mov 20(%eax), %edi
	mov 24(%eax), %ebp
	mov (%eax), %eax
	jnz 1f
	vmlaunch
	jmp 2f
1:	vmresume
2:	pop %eax
	xor %eax, %eax
	jmp 3f
vmx_left:
	xchg %eax, (%esp)
	mov %ebx, 4(%eax)
	mov %ecx, 8(%eax)
	mov %edx, 12(%eax)
	mov %esi, 16(%eax)
	mov %edi, 20(%eax)
	mov %ebp, 24(%eax)
	pop %ecx
	mov %ecx, (%eax)
	mov $1, %eax
3:	pop %ebp
	pop %edi
	pop %esi
	pop %ebx
	ret

/* uptr l2_call_unpaged(u32 number, uptr argument) */
	.global l2_call_unpaged
l2_call_unpaged:
	push %ebx
	mov %edx, %ebx
	mov %cr0, %ecx
	and $~CR0_PG, %ecx
	mov %ecx, %cr0
	vmcall
	or $CR0_PG, %ecx
	mov %ecx, %cr0
	pop %ebx
	ret
