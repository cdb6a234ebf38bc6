/* SPDX-License-Identifier: BSD-2-Clause */
/* For assembly: the registers of struct l2, and those that a C function keeps. */
#ifndef L1_REGISTERS_H
#define L1_REGISTERS_H

#ifdef __x86_64__
#define R(name)		%r##name
#define WORD		8
#else
#define R(name)		%e##name
#define WORD		4
#endif
#define L2_AX		0		/* struct l2 */
#define L2_BX		(1 * WORD)
#define L2_CX		(2 * WORD)
#define L2_DX		(3 * WORD)
#define L2_SI		(4 * WORD)
#define L2_DI		(5 * WORD)
#define L2_BP		(6 * WORD)
#define L2_R8		(7 * WORD)

	/* From the struct l2 that DI points to, DI itself last. */
	.macro load_l2
	mov L2_AX(R(di)), R(ax)
	mov L2_BX(R(di)), R(bx)
	mov L2_CX(R(di)), R(cx)
	mov L2_DX(R(di)), R(dx)
	mov L2_SI(R(di)), R(si)
	mov L2_BP(R(di)), R(bp)
#ifdef __x86_64__
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov L2_R8 + 8 * (\n - 8)(%rdi), %r\n
	.endr
#endif
	mov L2_DI(R(di)), R(di)
	.endm

	/* To the struct l2 that DI points to, all but DI. */
	.macro store_l2
	mov R(ax), L2_AX(R(di))
	mov R(bx), L2_BX(R(di))
	mov R(cx), L2_CX(R(di))
	mov R(dx), L2_DX(R(di))
	mov R(si), L2_SI(R(di))
	mov R(bp), L2_BP(R(di))
#ifdef __x86_64__
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov %r\n, L2_R8 + 8 * (\n - 8)(%rdi)
	.endr
#endif
	.endm

#ifdef __x86_64__
	.macro save_registers
	.irp name, rbx, rbp, r12, r13, r14, r15
	push %\name
	.endr
	.endm

	.macro restore_registers
	.irp name, r15, r14, r13, r12, rbp, rbx
	pop %\name
	.endr
	.endm
#else
	.macro save_registers
	.irp name, ebx, esi, edi, ebp
	push %\name
	.endr
	.endm

	.macro restore_registers
	.irp name, ebp, edi, esi, ebx
	pop %\name
	.endr
	.endm
#endif

#endif
