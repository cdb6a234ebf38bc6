/* SPDX-License-Identifier: BSD-2-Clause */
/* Into L2 and back: bool vmx_enter(struct registers *, bool launched); false: VMfail. And a call of L2. */
#include "layout.h"

#define HOST_RSP	0x6c14
#define CR0_PG		0x80000000

	.text
	.global vmx_enter, vmx_left
vmx_enter:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdi
	mov $HOST_RSP, %ecx
	vmwrite %rsp, %rcx
	test %esi, %esi
	mov (%rdi), %rax
	mov 8(%rdi), %rbx
	mov 16(%rdi), %rcx
	mov 24(%rdi), %rdx
	mov 32(%rdi), %rsi
	mov 48(%rdi), %rbp
	mov 56(%rdi), %r8
	mov 64(%rdi), %r9
	mov 72(%rdi), %r10
	mov 80(%rdi), %r11
	mov 88(%rdi), %r12
	mov 96(%rdi), %r13
	mov 104(%rdi), %r14
	mov 112(%rdi), %r15
	mov 40(%rdi), %rdi
	jnz 1f
	vmlaunch
	jmp 2f
1:	vmresume
2:	pop %rdi
	xor %eax, %eax
	jmp 3f
vmx_left:
	xchg %rdi, (%rsp)
	mov %rax, (%rdi)
	mov %rbx, 8(%rdi)
	mov %rcx, 16(%rdi)
	mov %rdx, 24(%rdi)
	mov %rsi, 32(%rdi)
	mov %rbp, 48(%rdi)
	mov %r8, 56(%rdi)
	mov %r9, 64(%rdi)
	mov %r10, 72(%rdi)
	mov %r11, 80(%rdi)
	mov %r12, 88(%rdi)
	mov %r13, 96(%rdi)
	mov %r14, 104(%rdi)
	mov %r15, 112(%rdi)
	pop %rax
	mov %rax, 40(%rdi)
	mov $1, %eax
3:	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

/* uptr l2_call_unpaged(u32 number, uptr argument): by 32-bit code, for long mode ends with paging */
	.global l2_call_unpaged
l2_call_unpaged:
	push %rbx
	mov %edi, %eax
	mov %esi, %ebx
	mov $1f, %ecx
	push $SEL_CODE32
	push %rcx
	lretq
	.code32
1:	mov %cr0, %ecx
	and $~CR0_PG, %ecx
	mov %ecx, %cr0
	vmcall
	or $CR0_PG, %ecx
	mov %ecx, %cr0
	ljmp $SEL_CODE64, $2f
	.code64
2:	mov %eax, %eax
	pop %rbx
	ret
