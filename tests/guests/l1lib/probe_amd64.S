/* SPDX-License-Identifier: BSD-2-Clause */
/* What probe_i386.S is, of a 64-bit L1; its segments stay flat. */
#include "layout.h"
#include "registers.h"

#define P_R(n)		(probe_now + 8 * (n))	/* struct probe */
#define P_FLAGS		136
#define P_TARGET	144
#define P_BACK		152
#define PLAIN_FLAGS	2

	.text
	.code64
	.global probe_go, probe_done
probe_go:
	save_registers
	mov %rsp, probe_sp
	movl $NO_TRAP, %gs:CPU_VECTOR
	mov probe_now + P_BACK, %eax
	mov %eax, %gs:CPU_RESUME
	pushq probe_now + P_FLAGS
	popfq
	mov P_R(0), %rax
	mov P_R(1), %rcx
	mov P_R(2), %rdx
	mov P_R(3), %rbx
	mov P_R(5), %rbp
	mov P_R(6), %rsi
	mov P_R(7), %rdi
	mov P_R(8), %r8
	mov P_R(9), %r9
	mov P_R(10), %r10
	mov P_R(11), %r11
	mov P_R(12), %r12
	mov P_R(13), %r13
	mov P_R(14), %r14
	mov P_R(15), %r15
	mov P_R(4), %rsp
	ljmp *probe_now + P_TARGET

probe_done:
	mov %rax, P_R(0)
	mov %rcx, P_R(1)
	mov %rdx, P_R(2)
	mov %rbx, P_R(3)
	mov %rsp, P_R(4)
	mov %rbp, P_R(5)
	mov %rsi, P_R(6)
	mov %rdi, P_R(7)
	mov %r8, P_R(8)
	mov %r9, P_R(9)
	mov %r10, P_R(10)
	mov %r11, P_R(11)
	mov %r12, P_R(12)
	mov %r13, P_R(13)
	mov %r14, P_R(14)
	mov %r15, P_R(15)
	mov probe_sp, %rsp
	pushfq
	popq probe_now + P_FLAGS
	push $PLAIN_FLAGS
	popfq
	movl $0, %gs:CPU_RESUME
	restore_registers
	ret
